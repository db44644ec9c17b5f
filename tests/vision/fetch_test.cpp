#include "blindsight/vision/fetch.h"

#include <vector>

#include "blindsight/base/file.h"
#include "blindsight/vision/dataset.h"
#include "support.h"

namespace blindsight::vision {
namespace {

namespace fs = std::filesystem;
using Kind = FetchEvent::Kind;

std::size_t count(const std::vector<FetchEvent>& events, Kind kind) {
  std::size_t n = 0;
  for (const auto& event : events) n += event.kind == kind ? 1 : 0;
  return n;
}

TEST(Fetch, NamesEveryMissingFile) {
  const TemporaryFolder from, to;
  write_file(from / "t10k-labels-idx1-ubyte.gz", Bytes{1});
  const auto message = message_of<IoError>([&] { fetch("mnist", to.path(), from.path()); });
  for (const char* name : {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3"}) {
    EXPECT_NE(message.find(name), std::string::npos) << message;
  }
  EXPECT_EQ(message.find("t10k-labels"), std::string::npos) << message;
  EXPECT_FALSE(fs::exists(to / "mnist"));
}

TEST(Fetch, StoresNothingDamaged) {
  const TemporaryFolder from, to;
  for (const auto& file : dataset_info("mnist").files) write_file(from / "mnist" / file.name, Bytes{1, 2, 3});
  EXPECT_THROW(fetch("mnist", to.path(), from.path()), FormatError);
  EXPECT_FALSE(fs::exists(to / "mnist"));
}

TEST(Fetch, RefusesUnknownNamesAndFolders) {
  const TemporaryFolder to;
  EXPECT_THROW(fetch("imagenet", to.path()), InvalidArgument);
  EXPECT_THROW(fetch("mnist", to.path(), to / "none"), IoError);
}

TEST(Fetch, CifarNeedsAFolder) {
  const TemporaryFolder to;
  const auto message = message_of<IoError>([&] { fetch("cifar-10", to.path()); });
  EXPECT_NE(message.find("--from"), std::string::npos) << message;
}

TEST(Fetch, PlainCifarRecordsAreCheckedAndStored) {
  const TemporaryFolder from, to;
  for (const auto& file : dataset_info("cifar-10").files) {
    write_file(from / "cifar-10-batches-bin" / fs::path(file.name).stem(), Bytes(3073 * 10000, 1));
  }
  fetch("cifar-10", to.path(), from.path());
  EXPECT_EQ(load_dataset("cifar-10", "test", to.path()).size(), 10000u);
  write_file(from / "cifar-10-batches-bin/test_batch.bin", Bytes(3073, 1));
  EXPECT_THROW(fetch("cifar-10", to.path(), from.path()), FormatError);
}

TEST(Fetch, CopiesVerifiesAndRepairs) {
  const fs::path from = real_data();
  if (from.empty()) GTEST_SKIP() << "NOT TESTED: no data sets in BLINDSIGHT_DATA or beside the checkout";
  const TemporaryFolder to;
  std::vector<FetchEvent> events;
  const auto note = [&](const FetchEvent& event) { events.push_back(event); };
  fetch("mnist", to.path(), from, note);
  EXPECT_EQ(count(events, Kind::kStored), 4u);
  events.clear();
  write_file(to / "mnist/t10k-labels-idx1-ubyte.gz", Bytes{1});
  fetch("mnist", to.path(), from / "mnist", note);
  EXPECT_EQ(count(events, Kind::kStored), 1u);
  EXPECT_EQ(count(events, Kind::kAlreadyThere), 3u);
  EXPECT_EQ(load_dataset("mnist", "test", to.path()).size(), 10000u);
}

TEST(Fetch, WarnsOfAnOptionalFile) {
  const fs::path from = real_data();
  if (from.empty() || fs::exists(from / "kmnist/train-images-idx3-ubyte.gz")) {
    GTEST_SKIP() << "NOT TESTED: needs a data folder without KMNIST's training images";
  }
  const TemporaryFolder to;
  std::vector<FetchEvent> events;
  fetch("kmnist", to.path(), from, [&](const FetchEvent& event) { events.push_back(event); });
  EXPECT_EQ(count(events, Kind::kStored), 3u);
  EXPECT_EQ(count(events, Kind::kWarning), 1u);
}

}  // namespace
}  // namespace blindsight::vision
