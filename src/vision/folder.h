// Data sets that are folders of image files: one folder a class.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "blindsight/vision/dataset.h"

namespace blindsight::vision {

/// Which part each file of one class belongs to. In the order of the SHA-256 of their names, the first tenth (rounded
/// down) is "test", the second "validation", the rest "train": the same on every machine, and a file keeps its place
/// among those that stay.
std::map<std::string, std::string> parts_of(const std::vector<std::string>& names);

/// One part ("train", "validation", "test", or "all") of a tree `root`/CLASS/FILE of PNG, JPEG, PGM, PPM or BMP files.
/// Classes are the folders' names in alphabetical order, files follow theirs. Images of another size than the first
/// are refused unless `width` and `height` are given: then all are stretched to that. They are gray where all files
/// are, else RGB.
/// Throws IoError where there is no such folder, InvalidArgument for an unknown part, fewer than two or over 256
/// classes, or a part without images; FormatError, naming the file, for one that can't be read or has another size.
Dataset load_folder(const std::filesystem::path& root, const std::string& part, int width = 0, int height = 0);

}  // namespace blindsight::vision
