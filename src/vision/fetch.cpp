#include "blindsight/vision/fetch.h"

#include <vector>

#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/vision/dataset.h"
#include "blindsight/vision/dataset_info.h"
#include "blindsight/vision/download.h"
#include "blindsight/vision/quoted.h"

namespace blindsight::vision {
namespace {

namespace fs = std::filesystem;
using Kind = FetchEvent::Kind;

constexpr std::uint64_t kMaxFile = std::uint64_t{1} << 26;

class Fetcher {
 public:
  Fetcher(const DatasetInfo& info, fs::path folder, const FetchCallback& callback)
      : info_(info), folder_(std::move(folder)), callback_(callback) {}

  void from_folder(const fs::path& from) {
    std::vector<std::pair<const DataFile*, fs::path>> found;
    std::string missing;
    for (const DataFile& file : info_.files) {
      if (already_there(file)) continue;
      const fs::path source = find(from, file);
      if (!source.empty()) {
        found.emplace_back(&file, source);
      } else if (file.optional) {
        warn(file, "it is not in " + quoted(from));
      } else {
        missing += (missing.empty() ? "" : ", ") + file.name;
      }
    }
    if (!missing.empty()) {
      throw IoError(quoted(from) + " lacks " + missing + " of '" + info_.name + "' (see " + info_.home + ")");
    }
    for (const auto& [file, source] : found) {
      const Bytes bytes = read_file(source, kMaxFile);
      if (source.filename() == file->name) {
        store(*file, bytes, quoted(source));
      } else {
        store_plain(*file, bytes, source);
      }
    }
  }

  void from_web() {
    if (info_.url.empty()) {
      throw IoError("'" + info_.name + "' can't be fetched by itself: unpack the binary version from " + info_.home +
                    " and run `blindsight data fetch " + info_.name + " --from FOLDER`");
    }
    for (const DataFile& file : info_.files) {
      if (already_there(file)) continue;
      try {
        const auto progress = [&](std::uint64_t done, std::uint64_t total) {
          report({Kind::kProgress, file.name, done, total, ""});
        };
        store(file, download(info_.url + file.name, kMaxFile, progress), info_.url + file.name);
      } catch (const IoError& e) {
        if (!file.optional) throw;
        warn(file, e.what());
      }
    }
  }

 private:
  void report(const FetchEvent& event) const {
    if (callback_) callback_(event);
  }

  void warn(const DataFile& file, const std::string& reason) const {
    report({Kind::kWarning, file.name, 0, 0,
            file.name + " was left out (the " + file.split + " split can't be used): " + reason});
  }

  bool already_there(const DataFile& file) const {
    const fs::path path = folder_ / file.name;
    if (!fs::is_regular_file(path)) return false;
    try {
      verify_checksum(read_file(path, kMaxFile), file, quoted(path));
    } catch (const Error&) {
      return false;  // damaged: it will be replaced
    }
    report({Kind::kAlreadyThere, file.name, 0, 0, ""});
    return true;
  }

  /// Where the folder holds the file, or for .xz the plain file; empty where it doesn't.
  fs::path find(const fs::path& from, const DataFile& file) const {
    const fs::path name = file.name;
    for (const fs::path& folder : {from / info_.name, from, from / "cifar-10-batches-bin"}) {
      if (fs::is_regular_file(folder / name)) return folder / name;
      if (name.extension() == ".xz" && fs::is_regular_file(folder / name.stem())) return folder / name.stem();
    }
    return {};
  }

  void store(const DataFile& file, const Bytes& bytes, const std::string& source) const {
    verify_checksum(bytes, file, source);
    write_file(folder_ / file.name, bytes);
    report({Kind::kStored, file.name, bytes.size(), bytes.size(), ""});
  }

  /// CIFAR-10 as published: no checksum is known, so the records themselves are checked.
  void store_plain(const DataFile& file, const Bytes& bytes, const fs::path& source) const {
    Dataset records{info_.name, info_.width, info_.height, info_.channels, info_.labels, {}, {}};
    append_records(records, bytes, quoted(source));
    if (records.size() != file.records) {
      throw FormatError(quoted(source) + " holds " + std::to_string(records.size()) + " records, not " +
                        std::to_string(file.records));
    }
    write_file(folder_ / source.filename(), bytes);
    report({Kind::kStored, source.filename().string(), bytes.size(), bytes.size(), ""});
  }

  const DatasetInfo& info_;
  fs::path folder_;
  const FetchCallback& callback_;
};

}  // namespace

void fetch(const std::string& name, const fs::path& destination, const std::optional<fs::path>& from,
           const FetchCallback& callback) {
  const DatasetInfo& info = dataset_info(name);
  if (info.files.empty()) {
    throw IoError("'" + info.name + "' can't be fetched file by file: put its images (see " + info.home + ") into " +
                  quoted(destination / info.name) + ", a folder for each class");
  }
  Fetcher fetcher(info, destination / info.name, callback);
  if (from) {
    if (!fs::is_directory(*from)) throw IoError(quoted(*from) + " is not a folder");
    fetcher.from_folder(*from);
  } else {
    fetcher.from_web();
  }
}

}  // namespace blindsight::vision
