// What is known about each data set before any of its files is opened.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace blindsight::vision {

/// One official file of a data set.
struct DataFile {
  enum class Content { kImages, kLabels, kRecords };  ///< kRecords: CIFAR-10's label byte and three planes
  std::string name;
  std::string split;  ///< "train" or "test"
  Content content;
  std::uint32_t records;
  std::string sha256;     ///< lower-case hexadecimal; empty where it is not known
  std::string md5;        ///< used only where sha256 is empty
  bool optional = false;  ///< a fetch may go on without it
};

struct DatasetInfo {
  std::string name;
  int width;
  int height;
  int channels;
  std::vector<std::string> labels;
  std::string url;              ///< folder that the official files are in; empty where they can't be fetched one by one
  std::string home;             ///< where a person finds them
  std::vector<DataFile> files;  ///< empty for a tree of image files, see folder.h
};

/// All of them: mnist, fashion-mnist, kmnist, cifar-10, neu-cls.
const std::vector<DatasetInfo>& known_datasets();

/// Throws InvalidArgument, naming those there are, for any other name.
const DatasetInfo& dataset_info(const std::string& name);

}  // namespace blindsight::vision
