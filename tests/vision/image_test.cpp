#include "blindsight/vision/image.h"

#include <cstdio>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "blindsight/base/file.h"
#include "blindsight/vision/muted.h"
#include "blindsight/vision/terminal.h"
#include "support.h"

namespace blindsight::vision {
namespace {

Bytes encoded(const char* extension, const cv::Mat& mat) {
  Bytes out;
  cv::imencode(extension, mat, out);
  return out;
}

Bytes text(const std::string& s) { return {s.begin(), s.end()}; }

/// 5×4 pixels; red grows to the right, green downwards, blue is constant.
Image colourful() {
  Image out{5, 4, 3, {}};
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 5; ++x) {
      for (const int v : {x * 50, y * 60, 200}) out.pixels.push_back(static_cast<std::uint8_t>(v));
    }
  }
  return out;
}

TEST(Image, PngGivesBackItsPixels) {
  const TemporaryFolder folder;
  for (const Image& image : {colourful(), to_gray(colourful()), Image{1, 1, 1, {77}}, Image{1, 1, 3, {1, 2, 3}}}) {
    write_png(folder / "it.png", image);
    const Image back = read_image(folder / "it.png");
    EXPECT_EQ(back.width, image.width);
    EXPECT_EQ(back.height, image.height);
    EXPECT_EQ(back.channels, image.channels);
    EXPECT_EQ(back.pixels, image.pixels);
  }
}

TEST(Image, ReadsEveryFormat) {
  const cv::Mat mat(6, 9, CV_8UC3, cv::Scalar(10, 100, 250));  // B, G, R
  for (const char* extension : {".png", ".jpg", ".bmp", ".ppm"}) {
    const Image image = decode_image(encoded(extension, mat), extension);
    EXPECT_EQ(image.width, 9) << extension;
    EXPECT_EQ(image.height, 6) << extension;
    ASSERT_EQ(image.channels, 3) << extension;
    EXPECT_NEAR(image.at(4, 3, 0), 250, 3) << extension;
    EXPECT_NEAR(image.at(4, 3, 1), 100, 3) << extension;
    EXPECT_NEAR(image.at(4, 3, 2), 10, 3) << extension;
  }
  const Image pgm = decode_image(text("P2 # comment\n2 1 255\n7 200\n"), "it");
  EXPECT_EQ(pgm.channels, 1);
  EXPECT_EQ(pgm.pixels, (Bytes{7, 200}));
  EXPECT_EQ(decode_image(text("P5\n2 1\n255\nAz"), "it").pixels, (Bytes{'A', 'z'}));
}

TEST(Image, SixteenBitsBecomeEight) {
  cv::Mat mat(1, 3, CV_16U);
  mat.at<std::uint16_t>(0) = 0;
  mat.at<std::uint16_t>(1) = 257 * 100;
  mat.at<std::uint16_t>(2) = 65535;
  for (const char* extension : {".png", ".pgm"}) {
    EXPECT_EQ(decode_image(encoded(extension, mat), extension).pixels, (Bytes{0, 100, 255})) << extension;
  }
}

TEST(Image, AlphaIsDropped) {
  const Image image = decode_image(encoded(".png", cv::Mat(2, 2, CV_8UC4, cv::Scalar(1, 2, 3, 0))), "it");
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(image.pixels, (Bytes{3, 2, 1, 3, 2, 1, 3, 2, 1, 3, 2, 1}));
}

TEST(Image, RefusesWhatIsNoImage) {
  EXPECT_THROW(read_image("/nonexistent/x.png"), IoError);
  EXPECT_THROW(read_image("/tmp"), IoError);
  for (const std::string s : {"", "P", "hello, world", "GIF89a", "P7\n1 1", "BM", "\x89PNG", "\xff\xd8\xff"}) {
    EXPECT_THROW(decode_image(text(s), "it"), FormatError) << s;
  }
}

TEST(Image, RefusesTruncatedFiles) {
  cv::Mat noise(40, 40, CV_8UC3);
  cv::randu(noise, 0, 256);
  for (const char* extension : {".png", ".jpg", ".bmp", ".ppm"}) {
    const Bytes whole = encoded(extension, noise);
    for (std::size_t size = 0; size + 20 < whole.size(); size += 97) {
      EXPECT_THROW(decode_image(std::span(whole).first(size), "it"), FormatError) << extension << " " << size;
    }
  }
}

TEST(Image, SurvivesDamage) {
  cv::Mat noise(16, 16, CV_8UC3);
  cv::randu(noise, 0, 256);
  for (const char* extension : {".png", ".jpg", ".bmp", ".ppm"}) {
    const Bytes whole = encoded(extension, noise);
    for (std::size_t i = 0; i < std::min<std::size_t>(whole.size(), 400); ++i) {
      Bytes damaged = whole;
      damaged[i] ^= 0x55;
      try {
        check_image(decode_image(damaged, "it"));
      } catch (const FormatError&) {
      }
    }
  }
}

TEST(Image, DecodersSayNothingOnStandardError) {
  cv::Mat noise(40, 40, CV_8UC3);
  cv::randu(noise, 0, 256);
  testing::internal::CaptureStderr();
  int refused = 0;
  for (const char* extension : {".png", ".jpg"}) {
    const Bytes whole = encoded(extension, noise);
    for (std::size_t i = whole.size() / 2; i < whole.size() - 30; i += 101) {
      Bytes damaged = whole;
      damaged[i] = 0xff;
      damaged[i + 1] = 0xd9;  // in a JPEG: its end
      try {
        decode_image(damaged, "it");
      } catch (const FormatError& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
        ++refused;
      }
    }
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_GT(refused, 10);
}

TEST(Image, WhatOthersWriteToStandardErrorIsPassedOn) {
  testing::internal::CaptureStderr();
  {
    const MutedStderr muted;
    std::fprintf(stderr, "Corrupt JPEG data: premature end of data segment\nsomething else\n");
    EXPECT_NE(muted.text().find("Corrupt"), std::string::npos);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "something else\n");
}

TEST(Image, RefusesSizeBombs) {
  Bytes png = encoded(".png", cv::Mat(2, 2, CV_8U, cv::Scalar(0)));
  png[16] = 0x7f;
  EXPECT_NE(message_of<FormatError>([&] { decode_image(png, "it"); }).find("too large"), std::string::npos);
  png[16] = 0;
  png[18] = png[22] = 0x1f;  // 7938×7938 fits, but not into so few bytes
  EXPECT_NE(message_of<FormatError>([&] { decode_image(png, "it"); }).find("cut short"), std::string::npos);
  png[18] = png[19] = 0;
  EXPECT_NE(message_of<FormatError>([&] { decode_image(png, "it"); }).find("no pixels"), std::string::npos);
  EXPECT_THROW(decode_image(text("P5 100000 100000 255\nx"), "it"), FormatError);
  EXPECT_THROW(decode_image(text("P5 99999999999999999999 1 255\nx"), "it"), FormatError);
  EXPECT_THROW(decode_image(text("P5 0 1 255\nx"), "it"), FormatError);
  EXPECT_NE(message_of<FormatError>([&] { decode_image(text("P5 1 1 15\nx"), "it"); }).find("15"), std::string::npos);
}

TEST(Image, GrayIsLuma) {
  EXPECT_EQ(to_gray({3, 1, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255}}).pixels, (Bytes{76, 150, 29}));
  EXPECT_EQ(to_gray({2, 1, 1, {5, 6}}).pixels, (Bytes{5, 6}));
  EXPECT_EQ(to_rgb({2, 1, 1, {5, 6}}).pixels, (Bytes{5, 5, 5, 6, 6, 6}));
  EXPECT_EQ(to_rgb(colourful()).pixels, colourful().pixels);
}

TEST(Image, ResizeAveragesWhereItShrinks) {
  EXPECT_EQ(resize({2, 2, 1, {0, 100, 100, 200}}, 1, 1).pixels, Bytes{100});
  const Image grown = resize({1, 1, 3, {1, 2, 3}}, 3, 2);
  EXPECT_EQ(grown.width, 3);
  EXPECT_EQ(grown.height, 2);
  EXPECT_EQ(grown.at(2, 1, 2), 3);
  EXPECT_THROW(resize(colourful(), 0, 5), InvalidArgument);
  EXPECT_THROW(resize(colourful(), 1 << 20, 1 << 20), InvalidArgument);
}

TEST(Image, InvalidImagesAreRefused) {
  for (const Image& image : {Image{}, Image{2, 2, 1, {1}}, Image{1, 1, 2, {1, 2}}, Image{-1, -1, 1, {1}}}) {
    EXPECT_THROW(check_image(image), InvalidArgument);
    EXPECT_THROW(to_gray(image), InvalidArgument);
    EXPECT_THROW(write_png("/tmp/never.png", image), InvalidArgument);
    EXPECT_THROW(render_terminal(image), InvalidArgument);
  }
  EXPECT_THROW(write_png("/proc/nowhere/it.png", colourful()), IoError);
}

TEST(Terminal, DrawsTwoRowsALine) {
  const Image image{3, 3, 1, {255, 0, 0, 0, 255, 0, 255, 255, 255}};
  EXPECT_EQ(render_terminal(image, TerminalStyle::kBlocks), "▀▄ \n▀▀▀\n");
  EXPECT_EQ(render_terminal({2, 2, 1, {255, 0, 255, 0}}, TerminalStyle::kAscii), "@ \n");
  EXPECT_EQ(render_terminal({1, 2, 1, {0, 255}}, TerminalStyle::kColor), "\x1b[38;5;232;48;5;255m▀\x1b[0m\n");
}

TEST(Terminal, StyleFollowsTheLocale) {
  setenv("LC_ALL", "de_DE.UTF-8", 1);
  EXPECT_EQ(default_terminal_style(), TerminalStyle::kBlocks);
  setenv("LC_ALL", "C", 1);
  EXPECT_EQ(default_terminal_style(), TerminalStyle::kAscii);
  unsetenv("LC_ALL");
}

}  // namespace
}  // namespace blindsight::vision
