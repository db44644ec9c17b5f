#include "blindsight/cli/calibration.h"

#include <fmt/format.h>

#include <algorithm>

#include "blindsight/base/error.h"
#include "blindsight/cli/input.h"
#include "blindsight/vision/calibration_images.h"
#include "blindsight/vision/dataset.h"
#include "blindsight/vision/image.h"
#include "blindsight/vision/preprocess.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kDrawn = 24;
constexpr std::size_t kFromDataset = 32;
constexpr std::size_t kMostFiles = 256;

using Tensors = std::vector<std::vector<double>>;

vision::Dataset training_part(const std::string& name) {
  const fs::path data = vision::data_directory();
  try {
    return vision::load_dataset(name, "train", data);
  } catch (const IoError&) {
    return vision::load_dataset(name, "test", data);
  }
}

/// What the network takes of an image: its tensor; of chunks, the groups that they make, all of them encrypted.
void add_tensors(Tensors& tensors, const vision::Image& image, const vision::Card& card) {
  Input input = make_input(image, card, {}, true);
  if (!input.parts) {
    tensors.push_back(std::move(input.tensor));
    return;
  }
  const PartsShape shape = parts_shape(card, input.parts->levels.size());
  const std::size_t part = static_cast<std::size_t>(card.preprocess.width) * card.chunks->chunk_height;
  for (auto& group : runtime::group_parts(input.parts->levels, shape.group, part, shape.levels)) {
    tensors.push_back(std::move(group));
  }
}

Tensors from_dataset(const vision::Card& card, const std::string& name) {
  const vision::Dataset dataset = training_part(name);
  if (dataset.size() == 0) throw InvalidArgument(name + " has no images to calibrate with");
  const std::size_t count = std::min(kFromDataset, dataset.size());
  Tensors tensors;
  for (std::size_t i = 0; i < count; ++i) {
    add_tensors(tensors, dataset.image(i * dataset.size() / count), card);
  }
  return tensors;
}

Tensors from_folder(const vision::Card& card, const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && !entry.path().filename().string().starts_with('.')) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) throw InvalidArgument(folder.string() + " holds no image to calibrate with");
  if (files.size() > kMostFiles) files.resize(kMostFiles);
  Tensors tensors;
  for (const fs::path& file : files) add_tensors(tensors, vision::read_image(file), card);
  return tensors;
}

bool is_dataset(const std::string& name) {
  const auto& known = vision::known_datasets();
  return std::any_of(known.begin(), known.end(), [&](const auto& info) { return info.name == name; });
}

}  // namespace

Tensors calibration_tensors(const vision::Card& card, const std::optional<std::string>& source) {
  if (source) {
    if (is_dataset(*source)) return from_dataset(card, *source);
    std::error_code ignored;
    if (fs::is_directory(*source, ignored)) return from_folder(card, *source);
    throw InvalidArgument(fmt::format("'{}' is neither a data set nor a folder of images to calibrate with", *source));
  }
  Tensors tensors;
  for (const vision::Image& image : vision::calibration_images(card.preprocess, kDrawn)) {
    tensors.push_back(vision::preprocess(image, card));
  }
  return tensors;
}

}  // namespace blindsight::cli
