#include "blindsight/vision/dataset.h"

#include <algorithm>

#include "blindsight/base/file.h"
#include "support.h"

namespace blindsight::vision {
namespace {

Bytes images(std::uint32_t count) { return idx({count, 28, 28}, Bytes(std::size_t{count} * 784, 9)); }

TEST(Dataset, FromIdx) {
  Bytes pixels(2 * 784);
  pixels[784 + 28 + 3] = 200;  // image 1, y = 1, x = 3
  const auto data = dataset_from_idx(dataset_info("mnist"), idx({2, 28, 28}, pixels), idx({2}, {4, 9}), "it");
  ASSERT_EQ(data.size(), 2u);
  EXPECT_EQ(data.targets, (Bytes{4, 9}));
  EXPECT_EQ(data.image(1).at(3, 1), 200);
  EXPECT_EQ(data.labels.size(), 10u);
  EXPECT_THROW(data.image(2), InvalidArgument);
}

TEST(Dataset, FromIdxRefusesWhatDoesNotFit) {
  const auto& info = dataset_info("mnist");
  const auto counts = message_of<FormatError>([&] { dataset_from_idx(info, images(2), idx({3}, {1, 2, 3}), "it"); });
  EXPECT_NE(counts.find("2 images but 3 labels"), std::string::npos) << counts;
  const auto label = message_of<FormatError>([&] { dataset_from_idx(info, images(1), idx({1}, {10}), "it"); });
  EXPECT_NE(label.find("label 10"), std::string::npos) << label;
  EXPECT_THROW(dataset_from_idx(info, idx({1, 2, 2}, {1, 2, 3, 4}), idx({1}, {1}), "it"), FormatError);
  EXPECT_THROW(dataset_from_idx(info, idx({1}, {1}), idx({1}, {1}), "it"), FormatError);
}

TEST(Dataset, RecordsTurnPlanesIntoPixels) {
  Dataset data{"toy", 2, 1, 3, {"a", "b"}, {}, {}};
  append_records(data, Bytes{1, 10, 11, 20, 21, 30, 31, 0, 1, 2, 3, 4, 5, 6}, "it");
  EXPECT_EQ(data.targets, (Bytes{1, 0}));
  EXPECT_EQ(data.image(0).pixels, (Bytes{10, 20, 30, 11, 21, 31}));
  EXPECT_THROW(append_records(data, Bytes{}, "it"), FormatError);
  EXPECT_THROW(append_records(data, Bytes(8), "it"), FormatError);
  EXPECT_THROW(append_records(data, Bytes(7, 2), "it"), FormatError);
}

TEST(Dataset, UnknownNamesAndSplits) {
  const auto message = message_of<InvalidArgument>([] { load_dataset("imagenet", "test", "/tmp"); });
  EXPECT_NE(message.find("fashion-mnist"), std::string::npos) << message;
  EXPECT_THROW(load_dataset("mnist", "validation", "/tmp"), InvalidArgument);
}

TEST(Dataset, MissingFilesNameTheRemedy) {
  const TemporaryFolder folder;
  const auto message = message_of<IoError>([&] { load_dataset("mnist", "test", folder.path()); });
  EXPECT_NE(message.find("`blindsight data fetch mnist`"), std::string::npos) << message;
}

TEST(Dataset, AnotherFileOfThatNameIsRefused) {
  const TemporaryFolder folder;
  write_file(folder / "mnist/t10k-images-idx3-ubyte.gz", gzip(images(1)));
  const auto message = message_of<FormatError>([&] { load_dataset("mnist", "test", folder.path()); });
  EXPECT_NE(message.find("SHA-256"), std::string::npos) << message;
}

TEST(Dataset, PlainCifarFilesAreRead) {
  const TemporaryFolder folder;
  Bytes record(3073, 50);
  record[0] = 3;
  write_file(folder / "cifar-10/test_batch.bin", record);
  const auto data = load_dataset("cifar-10", "test", folder.path());
  EXPECT_EQ(data.size(), 1u);
  EXPECT_EQ(data.labels[data.targets[0]], "cat");
  write_file(folder / "cifar-10/test_batch.bin", Bytes(3072, 50));
  EXPECT_THROW(load_dataset("cifar-10", "test", folder.path()), FormatError);
}

TEST(Dataset, DirectoryComesFromTheArgumentThenTheEnvironment) {
  const char* before = std::getenv("BLINDSIGHT_DATA");
  const std::string kept = before != nullptr ? before : "";
  setenv("BLINDSIGHT_DATA", "/a", 1);
  EXPECT_EQ(data_directory("/b"), "/b");
  EXPECT_EQ(data_directory(), "/a");
  unsetenv("BLINDSIGHT_DATA");
  EXPECT_EQ(data_directory().filename(), "data");
  if (before != nullptr) setenv("BLINDSIGHT_DATA", kept.c_str(), 1);
}

TEST(Folds, AreStratifiedAndDisjoint) {
  const Bytes targets{0, 1, 0, 0, 1, 0, 1, 0};
  EXPECT_EQ(fold_indices(targets, 2, 0), (std::vector<std::size_t>{0, 1, 3, 6, 7}));
  EXPECT_EQ(fold_indices(targets, 2, 1), (std::vector<std::size_t>{2, 4, 5}));
  EXPECT_EQ(fold_indices(targets, 1, 0).size(), targets.size());
  EXPECT_THROW(fold_indices(targets, 0, 0), InvalidArgument);
  EXPECT_THROW(fold_indices(targets, 2, 2), InvalidArgument);
  EXPECT_THROW(fold_indices(targets, 2, -1), InvalidArgument);
}

/// Class counts and mean pixel as SOURCES.md beside the data states them.
struct Known {
  const char* name;
  const char* split;
  std::size_t size;
  std::size_t first_class;
  double mean;
};

class RealData : public testing::TestWithParam<Known> {};

TEST_P(RealData, HasTheKnownStatistics) {
  const auto folder = real_data();
  const Known& known = GetParam();
  if (folder.empty() || !std::filesystem::is_directory(folder / known.name)) {
    GTEST_SKIP() << "NOT TESTED: no " << known.name << " in BLINDSIGHT_DATA or beside the checkout";
  }
  const auto data = load_dataset(known.name, known.split, folder);
  EXPECT_EQ(data.size(), known.size);
  EXPECT_EQ(std::count(data.targets.begin(), data.targets.end(), 0), static_cast<std::ptrdiff_t>(known.first_class));
  double sum = 0;
  for (const auto v : data.pixels) sum += v;
  EXPECT_NEAR(sum / 255 / static_cast<double>(data.pixels.size()), known.mean, 6e-5);
}

INSTANTIATE_TEST_SUITE_P(All, RealData,
                         testing::Values(Known{"mnist", "train", 60000, 5923, 0.13066},
                                         Known{"mnist", "test", 10000, 980, 0.13251},
                                         Known{"fashion-mnist", "train", 60000, 6000, 0.28604},
                                         Known{"kmnist", "test", 10000, 1000, 0.1846},
                                         Known{"cifar-10", "test", 10000, 1000, 0.47663}));

TEST(MissingData, KmnistTrainImagesAreMissingWithARemedy) {
  const auto folder = real_data();
  if (folder.empty() || std::filesystem::exists(folder / "kmnist/train-images-idx3-ubyte.gz")) {
    GTEST_SKIP() << "NOT TESTED: needs a data folder without KMNIST's training images";
  }
  EXPECT_THROW(load_dataset("kmnist", "train", folder), IoError);
}

}  // namespace
}  // namespace blindsight::vision
