// Data sets in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "blindsight/vision/dataset_info.h"
#include "blindsight/vision/image.h"

namespace blindsight::vision {

/// One split: `size()` images of one shape with their classes.
struct Dataset {
  std::string name;
  int width = 0;
  int height = 0;
  int channels = 1;
  std::vector<std::string> labels;
  std::vector<std::uint8_t> pixels;   ///< NHWC
  std::vector<std::uint8_t> targets;  ///< index into `labels`, one for each image

  std::size_t size() const { return targets.size(); }
  /// A copy of image i. Throws InvalidArgument where there is none.
  Image image(std::size_t i) const;
};

/// Where data sets lie: `chosen` if given, else $BLINDSIGHT_DATA, else ~/.cache/blindsight/data.
/// Throws InvalidArgument where none of the three can be had.
std::filesystem::path data_directory(const std::optional<std::filesystem::path>& chosen = std::nullopt);

/// The "test" or "train" split of a known data set from `directory`/NAME/; of one that is a tree of image files also
/// the others that load_folder() has. Every file's checksum is verified where one is known. Throws InvalidArgument for
/// an unknown name or split, IoError (with the remedy) for a missing file, FormatError for a damaged one.
Dataset load_dataset(const std::string& name, const std::string& split, const std::filesystem::path& directory);

/// Throws FormatError where `bytes` aren't those of the known file.
void verify_checksum(std::span<const std::uint8_t> bytes, const DataFile& file, const std::string& what);

/// A split from the bytes of two idx files. Throws FormatError where they aren't images of the data set's size and as
/// many labels of its classes.
Dataset dataset_from_idx(const DatasetInfo& info, std::span<const std::uint8_t> images,
                         std::span<const std::uint8_t> labels, const std::string& what);

/// Appends CIFAR-10 records (label byte, then a plane for each channel). Throws FormatError where they aren't whole
/// records, or have an unknown label.
void append_records(Dataset& dataset, std::span<const std::uint8_t> records, const std::string& what);

/// Indices, in rising order, of one stratified fold: the k-th image of each class, in file order, has fold k mod
/// `folds`. Throws InvalidArgument unless folds >= 1 and 0 <= held_out < folds.
std::vector<std::size_t> fold_indices(std::span<const std::uint8_t> targets, int folds, int held_out);

}  // namespace blindsight::vision
