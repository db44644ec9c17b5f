// Bringing a data set's files into the data directory, each verified before it is put there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace blindsight::vision {

struct FetchEvent {
  enum class Kind {
    kProgress,      ///< `done` of `total` bytes of `file` (total 0: not known)
    kStored,        ///< `file` was verified and put in place
    kAlreadyThere,  ///< `file` was there before, and is sound
    kWarning,       ///< `message`: the data set is usable, but not complete
  };
  Kind kind;
  std::string file;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  std::string message;
};

using FetchCallback = std::function<void(const FetchEvent&)>;

/// Puts the files of data set `name` into `destination`/NAME/: from a folder on this machine (`from`/NAME/ or `from`
/// itself; for CIFAR-10 also its unpacked cifar-10-batches-bin/) or, where none is given, from their official
/// addresses. Files that are already there and sound are kept. A file is put in place whole and verified, or not at
/// all. Throws InvalidArgument for an unknown name, IoError for a data set that is a tree of image files, naming the
/// files that are missing or can't be fetched, FormatError where a file has another checksum than it must have.
void fetch(const std::string& name, const std::filesystem::path& destination,
           const std::optional<std::filesystem::path>& from = std::nullopt, const FetchCallback& callback = {});

}  // namespace blindsight::vision
