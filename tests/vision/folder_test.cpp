#include "blindsight/vision/folder.h"

#include <algorithm>
#include <fstream>

#include "blindsight/base/file.h"
#include "support.h"

namespace blindsight::vision {
namespace {

/// Two classes of gray images, each of one level.
void store_tree(const TemporaryFolder& folder, int each = 20) {
  for (const std::string label : {"b", "a"}) {
    for (int i = 0; i < each; ++i) {
      const auto level = static_cast<std::uint8_t>((label == "a" ? 0 : 100) + i);
      write_png(folder / label / (std::to_string(i) + ".png"), {3, 2, 1, Bytes(6, level)});
    }
  }
}

TEST(Folder, ReadsOneFolderAClass) {
  const TemporaryFolder folder;
  store_tree(folder);
  write_file(folder / "a/notes.txt", Bytes{1});
  write_file(folder / "README", Bytes{1});
  const Dataset all = load_folder(folder.path(), "all");
  EXPECT_EQ(all.labels, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(all.size(), 40u);
  EXPECT_EQ(all.channels, 1);
  EXPECT_EQ(all.width, 3);
  EXPECT_EQ(all.targets.front(), 0);
  EXPECT_EQ(all.targets.back(), 1);
  EXPECT_EQ(all.image(0).pixels[0], 0);     // a/0.png
  EXPECT_EQ(all.image(1).pixels[0], 1);     // a/1.png
  EXPECT_EQ(all.image(2).pixels[0], 10);    // a/10.png: by name
  EXPECT_EQ(all.image(20).pixels[0], 100);  // b/0.png
}

TEST(Folder, SplitsAreStratifiedDisjointAndWhole) {
  const TemporaryFolder folder;
  store_tree(folder);
  std::size_t sum = 0;
  Bytes seen;
  for (const auto& [part, each] : {std::pair{"test", 2}, {"validation", 2}, {"train", 16}}) {
    const Dataset some = load_folder(folder.path(), part);
    EXPECT_EQ(std::count(some.targets.begin(), some.targets.end(), 0), each);
    EXPECT_EQ(std::count(some.targets.begin(), some.targets.end(), 1), each);
    sum += some.size();
    for (std::size_t i = 0; i < some.size(); ++i) seen.push_back(some.image(i).pixels[0]);
  }
  EXPECT_EQ(sum, 40u);
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end());
}

TEST(Folder, MixedImagesAreStretchedAndColouredAlike) {
  const TemporaryFolder folder;
  store_tree(folder, 1);
  write_png(folder / "b/colour.png", {1, 1, 3, {10, 20, 30}});
  const auto message = message_of<FormatError>([&] { load_folder(folder.path(), "all"); });
  EXPECT_NE(message.find("colour.png"), std::string::npos) << message;
  const Dataset all = load_folder(folder.path(), "all", 2, 2);
  EXPECT_EQ(all.channels, 3);
  EXPECT_EQ(all.size(), 3u);
  EXPECT_EQ(all.image(2).pixels, (Bytes{10, 20, 30, 10, 20, 30, 10, 20, 30, 10, 20, 30}));
}

TEST(Folder, RefusesWithARemedy) {
  const TemporaryFolder folder;
  EXPECT_THROW(load_folder(folder / "nowhere", "all"), IoError);
  EXPECT_THROW(load_folder(folder.path(), "all"), InvalidArgument);  // no classes
  store_tree(folder, 3);
  EXPECT_THROW(load_folder(folder.path(), "test"), InvalidArgument);  // fewer than ten a class
  EXPECT_THROW(load_folder(folder.path(), "exam"), InvalidArgument);
  write_file(folder / "a/broken.png", Bytes{1, 2, 3});
  EXPECT_THROW(load_folder(folder.path(), "all"), FormatError);
}

/// The list that the training recipe and the README's figures go by.
std::map<std::string, std::string> listed_split() {
  std::ifstream in(BLINDSIGHT_SOURCE_DIR "/training/neu/split.csv");
  std::map<std::string, std::string> parts;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) parts[line.substr(0, line.find(','))] = line.substr(line.find(',') + 1);
  return parts;
}

TEST(Folder, NeuClsIsSplitAsListed) {
  const auto listed = listed_split();
  ASSERT_EQ(listed.size(), 1800u);
  std::map<std::string, std::vector<std::string>> classes;
  for (const auto& [file, part] : listed) {
    classes[file.substr(0, file.find('/'))].push_back(file.substr(file.find('/') + 1));
  }
  ASSERT_EQ(classes.size(), 6u);
  for (const auto& [label, names] : classes) {
    for (const auto& [name, part] : parts_of(names)) {
      EXPECT_EQ(part, listed.at(label + '/' + name)) << label << '/' << name;
    }
  }
  // The one duplicate of the data set is on one side.
  EXPECT_EQ(listed.at("patches/patches_101.jpg"), listed.at("patches/patches_105.jpg"));
}

TEST(Folder, NeuClsIsKnownByName) {
  const auto data = real_data();
  if (data.empty() || !std::filesystem::is_directory(data / "neu-cls")) {
    GTEST_SKIP() << "NOT TESTED: no neu-cls in BLINDSIGHT_DATA or beside the checkout";
  }
  const Dataset test = load_dataset("neu-cls", "test", data);
  EXPECT_EQ(test.name, "neu-cls");
  EXPECT_EQ(test.size(), 180u);
  EXPECT_EQ(test.width, 200);
  EXPECT_EQ(test.channels, 1);
  for (int label = 0; label < 6; ++label) EXPECT_EQ(std::count(test.targets.begin(), test.targets.end(), label), 30);
  EXPECT_EQ(load_dataset("neu-cls", "train", data).size(), 1440u);
  EXPECT_THROW(load_dataset("neu-cls", "test", "/nonexistent"), IoError);
}

}  // namespace
}  // namespace blindsight::vision
