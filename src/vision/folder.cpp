#include "blindsight/vision/folder.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "blindsight/base/error.h"
#include "blindsight/vision/checksum.h"
#include "blindsight/vision/quoted.h"

namespace blindsight::vision {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxClasses = 256;

bool is_image(const fs::path& file) {
  std::string suffix = file.extension().string();
  for (char& c : suffix) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::set<std::string>{".png", ".jpg", ".jpeg", ".pgm", ".ppm", ".bmp"}.contains(suffix);
}

std::vector<std::string> sorted_names(const fs::path& folder, bool (*wanted)(const fs::directory_entry&)) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with('.') && wanted(entry)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> classes_in(const fs::path& root) {
  if (!fs::is_directory(root)) {
    throw IoError(quoted(root) + " is not a folder: a data set of image files lies in CLASS/FILE below one");
  }
  auto classes = sorted_names(root, [](const fs::directory_entry& entry) { return entry.is_directory(); });
  if (classes.size() < 2 || classes.size() > kMaxClasses) {
    throw InvalidArgument(quoted(root) + " holds " + std::to_string(classes.size()) +
                          " folders: it takes one for each class, 2 to " + std::to_string(kMaxClasses));
  }
  return classes;
}

std::vector<std::string> files_in(const fs::path& folder, const std::string& part) {
  auto names = sorted_names(
      folder, [](const fs::directory_entry& entry) { return entry.is_regular_file() && is_image(entry.path()); });
  if (part == "all") return names;
  const auto parts = parts_of(names);
  std::erase_if(names, [&](const std::string& name) { return parts.at(name) != part; });
  return names;
}

std::string size_text(const Image& image) { return std::to_string(image.width) + "x" + std::to_string(image.height); }

/// Images of one shape, from images of any.
void gather(Dataset& dataset, std::vector<Image>& images) {
  const bool gray = std::all_of(images.begin(), images.end(), [](const Image& i) { return i.channels == 1; });
  dataset.channels = gray ? 1 : 3;
  dataset.width = images.front().width;
  dataset.height = images.front().height;
  for (Image& image : images) {
    if (!gray) image = to_rgb(image);
    dataset.pixels.insert(dataset.pixels.end(), image.pixels.begin(), image.pixels.end());
    image = {};
  }
}

}  // namespace

std::map<std::string, std::string> parts_of(const std::vector<std::string>& names) {
  std::vector<std::pair<std::string, std::string>> order;
  for (const std::string& name : names) {
    order.emplace_back(sha256_hex({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()}), name);
  }
  std::sort(order.begin(), order.end());
  const std::size_t tenth = order.size() / 10;
  std::map<std::string, std::string> parts;
  for (std::size_t i = 0; i < order.size(); ++i) {
    parts[order[i].second] = i < tenth ? "test" : i < 2 * tenth ? "validation" : "train";
  }
  return parts;
}

Dataset load_folder(const fs::path& root, const std::string& part, int width, int height) {
  if (!std::set<std::string>{"train", "validation", "test", "all"}.contains(part)) {
    throw InvalidArgument("there is no split '" + part + "' of a folder: take train, validation, test or all");
  }
  Dataset dataset;
  dataset.name = (root.has_filename() ? root : root.parent_path()).filename().string();
  dataset.labels = classes_in(root);
  std::vector<Image> images;
  for (std::size_t label = 0; label < dataset.labels.size(); ++label) {
    const fs::path folder = root / dataset.labels[label];
    for (const std::string& name : files_in(folder, part)) {
      Image image = read_image(folder / name);
      if (width > 0 && height > 0) image = resize(image, width, height);
      if (!images.empty() && (image.width != images[0].width || image.height != images[0].height)) {
        throw FormatError(quoted(folder / name) + " has " + size_text(image) + " pixels, the images before it " +
                          size_text(images[0]) + ": make them one size");
      }
      images.push_back(std::move(image));
      dataset.targets.push_back(static_cast<std::uint8_t>(label));
    }
  }
  if (images.empty()) {
    throw InvalidArgument(quoted(root) + " has no images in its split '" + part +
                          "' (a class needs at least ten for one)");
  }
  gather(dataset, images);
  return dataset;
}

}  // namespace blindsight::vision
