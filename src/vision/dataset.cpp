#include "blindsight/vision/dataset.h"

#include <array>
#include <cstdlib>

#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/vision/checksum.h"
#include "blindsight/vision/folder.h"
#include "blindsight/vision/idx.h"
#include "blindsight/vision/inflate.h"
#include "blindsight/vision/quoted.h"

namespace blindsight::vision {
namespace {

namespace fs = std::filesystem;
using Content = DataFile::Content;

constexpr std::uint64_t kMaxPacked = std::uint64_t{1} << 26;

std::uint64_t content_size(const DatasetInfo& info, const DataFile& file) {
  const std::uint64_t image = static_cast<std::uint64_t>(info.width) * info.height * info.channels;
  switch (file.content) {
    case Content::kImages:
      return 16 + image * file.records;
    case Content::kLabels:
      return 8 + file.records;
    default:
      return (1 + image) * file.records;
  }
}

[[noreturn]] void missing(const DatasetInfo& info, const fs::path& path) {
  if (info.files.empty()) {
    throw IoError(quoted(path) + " does not exist: put the images of '" + info.name + "' (see " + info.home +
                  ") there, a folder for each class, or pass --data with the folder that holds " + info.name + "/");
  }
  throw IoError(quoted(path) + " does not exist: run `blindsight data fetch " + info.name +
                "` or pass --data with the folder that holds " + info.name + "/");
}

/// The unpacked content of one file.
Bytes load_file(const DatasetInfo& info, const DataFile& file, const fs::path& folder) {
  const fs::path path = folder / file.name;
  const std::uint64_t max_size = content_size(info, file);
  const bool xz = path.extension() == ".xz";
  if (!fs::is_regular_file(path)) {
    const fs::path plain = folder / path.stem();  // CIFAR-10's .bin as published
    if (xz && fs::is_regular_file(plain)) return read_file(plain, max_size);
    missing(info, path);
  }
  const Bytes packed = read_file(path, kMaxPacked);
  verify_checksum(packed, file, quoted(path));
  return xz ? unxz(packed, max_size, quoted(path)) : gunzip(packed, max_size, quoted(path));
}

Dataset empty_dataset(const DatasetInfo& info) {
  return {info.name, info.width, info.height, info.channels, info.labels, {}, {}};
}

void check_target(const Dataset& dataset, std::uint8_t target, const std::string& what) {
  if (target >= dataset.labels.size()) {
    throw FormatError(what + " has the label " + std::to_string(target) + ", '" + dataset.name + "' has only " +
                      std::to_string(dataset.labels.size()) + " classes");
  }
}

Dataset load_tree(const DatasetInfo& info, const std::string& split, const fs::path& folder) {
  if (!fs::is_directory(folder)) missing(info, folder);
  Dataset out = load_folder(folder, split);
  if (out.labels != info.labels)
    throw FormatError(quoted(folder) + " does not hold the classes of '" + info.name + "'");
  out.name = info.name;
  return out;
}

}  // namespace

Image Dataset::image(std::size_t i) const {
  if (i >= size()) {
    throw InvalidArgument("there is no image " + std::to_string(i) + ": '" + name + "' has " + std::to_string(size()));
  }
  const std::size_t count = static_cast<std::size_t>(width) * height * channels;
  const auto first = pixels.begin() + static_cast<std::ptrdiff_t>(i * count);
  return {width, height, channels, {first, first + static_cast<std::ptrdiff_t>(count)}};
}

fs::path data_directory(const std::optional<fs::path>& chosen) {
  if (chosen) return *chosen;
  if (const char* dir = std::getenv("BLINDSIGHT_DATA"); dir != nullptr && *dir != '\0') return dir;
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return fs::path(home) / ".cache" / "blindsight" / "data";
  }
  throw InvalidArgument("no data directory: pass --data or set BLINDSIGHT_DATA");
}

void verify_checksum(std::span<const std::uint8_t> bytes, const DataFile& file, const std::string& what) {
  const bool strong = !file.sha256.empty();
  if (!strong && file.md5.empty()) return;
  const std::string expected = strong ? file.sha256 : file.md5;
  const std::string found = strong ? sha256_hex(bytes) : md5_hex(bytes);
  if (found == expected) return;
  throw FormatError(what + " is damaged or another file: its " + (strong ? "SHA-256" : "MD5") + " is " + found +
                    ", not " + expected);
}

Dataset dataset_from_idx(const DatasetInfo& info, std::span<const std::uint8_t> images,
                         std::span<const std::uint8_t> labels, const std::string& what) {
  IdxArray pixels = parse_idx(images, 3, what + " images");
  IdxArray targets = parse_idx(labels, 1, what + " labels");
  if (pixels.shape[1] != static_cast<std::uint32_t>(info.height) ||
      pixels.shape[2] != static_cast<std::uint32_t>(info.width)) {
    throw FormatError(what + " holds images of " + std::to_string(pixels.shape[2]) + "x" +
                      std::to_string(pixels.shape[1]) + " pixels, expected are " + std::to_string(info.width) + "x" +
                      std::to_string(info.height));
  }
  if (pixels.shape[0] != targets.shape[0]) {
    throw FormatError(what + " holds " + std::to_string(pixels.shape[0]) + " images but " +
                      std::to_string(targets.shape[0]) + " labels");
  }
  Dataset out = empty_dataset(info);
  for (const std::uint8_t target : targets.values) check_target(out, target, what);
  out.pixels = std::move(pixels.values);
  out.targets = std::move(targets.values);
  return out;
}

void append_records(Dataset& dataset, std::span<const std::uint8_t> records, const std::string& what) {
  const std::size_t area = static_cast<std::size_t>(dataset.width) * dataset.height;
  const auto channels = static_cast<std::size_t>(dataset.channels);
  const std::size_t record = 1 + area * channels;
  if (records.empty() || records.size() % record != 0) {
    throw FormatError(what + " has " + std::to_string(records.size()) + " bytes, not a whole number of records of " +
                      std::to_string(record));
  }
  for (std::size_t begin = 0; begin < records.size(); begin += record) {
    check_target(dataset, records[begin], what);
    dataset.targets.push_back(records[begin]);
    const auto planes = records.subspan(begin + 1, area * channels);
    for (std::size_t i = 0; i < area; ++i) {
      for (std::size_t c = 0; c < channels; ++c) dataset.pixels.push_back(planes[c * area + i]);
    }
  }
}

Dataset load_dataset(const std::string& name, const std::string& split, const fs::path& directory) {
  const DatasetInfo& info = dataset_info(name);
  if (info.files.empty()) return load_tree(info, split, directory / info.name);
  if (split != "test" && split != "train") {
    throw InvalidArgument("there is no split '" + split + "': take test or train");
  }
  const fs::path folder = directory / info.name;
  Dataset out = empty_dataset(info);
  Bytes images;
  for (const DataFile& file : info.files) {
    if (file.split != split) continue;
    Bytes content = load_file(info, file, folder);
    switch (file.content) {
      case Content::kImages:
        images = std::move(content);
        break;
      case Content::kLabels:
        return dataset_from_idx(info, images, content, quoted(folder) + " " + split);
      case Content::kRecords:
        append_records(out, content, quoted(folder / file.name));
        break;
    }
  }
  return out;
}

std::vector<std::size_t> fold_indices(std::span<const std::uint8_t> targets, int folds, int held_out) {
  if (folds < 1 || held_out < 0 || held_out >= folds) {
    throw InvalidArgument("fold " + std::to_string(held_out) + " of " + std::to_string(folds) +
                          ": take at least one fold and one of 0 to folds - 1");
  }
  std::array<int, 256> next_fold{};
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    int& fold = next_fold[targets[i]];
    if (fold == held_out) out.push_back(i);
    fold = (fold + 1) % folds;
  }
  return out;
}

}  // namespace blindsight::vision
