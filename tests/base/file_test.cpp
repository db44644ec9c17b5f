#include "blindsight/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "blindsight/base/error.h"

namespace blindsight {
namespace {

namespace fs = std::filesystem;

class File : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "blindsight-file-test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  mode_t mode(const fs::path& path) const {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 07777;
  }
  std::size_t files_in_folder() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

TEST_F(File, RoundTrip) {
  Bytes data(100'003);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 7);
  write_file(folder_ / "a", data);
  EXPECT_EQ(read_file(folder_ / "a"), data);
  EXPECT_EQ(files_in_folder(), 1u) << "a temporary file was left behind";
}

TEST_F(File, PiecesMakeOneFileAtCommit) {
  Bytes data(3'000'000);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 11 >> 3);
  {
    FileWriter out(folder_ / "a");
    out.write(std::span(data).first(1'000'001));
    out.write({});
    out.write(std::span(data).subspan(1'000'001));
    EXPECT_FALSE(fs::exists(folder_ / "a"));
    out.commit();
  }
  EXPECT_EQ(read_file(folder_ / "a"), data);
  EXPECT_EQ(files_in_folder(), 1u);
}

TEST_F(File, WithoutCommitNothingChanges) {
  write_file(folder_ / "a", Bytes{1});
  {
    FileWriter out(folder_ / "a");
    out.write(Bytes(100, 2));
  }
  EXPECT_EQ(read_file(folder_ / "a"), Bytes{1});
  EXPECT_EQ(files_in_folder(), 1u);
}

TEST_F(File, MappedIsTheSameForgottenOrNot) {
  Bytes data(1'000'003);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 7 >> 2);
  write_file(folder_ / "a", data);
  const MappedFile file(folder_ / "a");
  const auto same = [&] { return std::equal(data.begin(), data.end(), file.bytes().begin(), file.bytes().end()); };
  EXPECT_TRUE(same());
  file.forget(file.bytes());
  EXPECT_TRUE(same());
  for (const std::size_t at : {0U, 1U, 4096U, 5000U, 999'000U}) file.forget(file.bytes().subspan(at, 1000));
  file.forget(file.bytes().last(0));
  EXPECT_TRUE(same());
  write_file(folder_ / "a", Bytes{1});  // replaced, not changed
  EXPECT_TRUE(same());
}

TEST_F(File, MappingRefusesWhatReadingDoes) {
  write_file(folder_ / "empty", Bytes{});
  EXPECT_TRUE(MappedFile(folder_ / "empty").bytes().empty());
  write_file(folder_ / "a", Bytes(10));
  EXPECT_THROW(MappedFile(folder_ / "a", 9), IoError);
  EXPECT_THROW(MappedFile(folder_ / "absent"), IoError);
  EXPECT_THROW(MappedFile{folder_}, IoError);
  EXPECT_THROW(MappedFile("/dev/zero"), IoError);
}

TEST_F(File, EmptyRoundTrip) {
  write_file(folder_ / "empty", Bytes{});
  EXPECT_TRUE(read_file(folder_ / "empty").empty());
}

TEST_F(File, FoldersAreMade) {
  write_file(folder_ / "x" / "y" / "a", Bytes{1});
  EXPECT_EQ(read_file(folder_ / "x" / "y" / "a"), Bytes{1});
}

TEST_F(File, ReplacesWhole) {
  write_file(folder_ / "a", Bytes(1000, 1));
  write_file(folder_ / "a", Bytes{2});
  EXPECT_EQ(read_file(folder_ / "a"), Bytes{2});
}

TEST_F(File, ModeFollowsUmaskUnlessSecret) {
  const mode_t old = ::umask(022);
  write_file(folder_ / "open", Bytes{1});
  write_file(folder_ / "secret", Bytes{1}, /*secret=*/true);
  EXPECT_EQ(::umask(old), 022u) << "the process's umask was changed";
  EXPECT_EQ(mode(folder_ / "open"), 0644u);
  EXPECT_EQ(mode(folder_ / "secret"), 0600u);
}

TEST_F(File, ASecretReplacesAnOpenFileWithMode0600) {
  write_file(folder_ / "k", Bytes{1});
  write_file(folder_ / "k", Bytes{2}, /*secret=*/true);
  EXPECT_EQ(mode(folder_ / "k"), 0600u);
}

TEST_F(File, AFailedWriteLeavesTheOldFileAndNothingElse) {
  fs::create_directory(folder_ / "taken");  // a folder can't be replaced by a file
  EXPECT_THROW(write_file(folder_ / "taken", Bytes{1}), IoError);
  EXPECT_TRUE(fs::is_directory(folder_ / "taken"));
  EXPECT_EQ(files_in_folder(), 1u);

  write_file(folder_ / "file", Bytes{1});
  EXPECT_THROW(write_file(folder_ / "file" / "below", Bytes{1}), IoError);
  EXPECT_EQ(read_file(folder_ / "file"), Bytes{1});
}

TEST_F(File, ReadErrorsNameThePath) {
  const auto message_of = [](const fs::path& path, std::uint64_t limit) {
    try {
      read_file(path, limit);
    } catch (const IoError& e) {
      return std::string(e.what());
    }
    return std::string("no exception");
  };
  write_file(folder_ / "ten", Bytes(10));
  EXPECT_NE(message_of(folder_ / "missing", 100).find("missing' does not exist"), std::string::npos);
  EXPECT_NE(message_of(folder_, 100).find("not a regular file"), std::string::npos);
  EXPECT_NE(message_of(folder_ / "ten", 9).find("ten"), std::string::npos);
  EXPECT_EQ(message_of(folder_ / "ten", 10), "no exception");
}

}  // namespace
}  // namespace blindsight
