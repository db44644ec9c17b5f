#include "blindsight/vision/sample_digits.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "blindsight/vision/random.h"

namespace blindsight::vision {
namespace {

using Point = cv::Point2d;
using Stroke = std::vector<Point>;  // the pen passes through these points
using Drawing = std::vector<Stroke>;

constexpr int kSide = 28;
constexpr double kBox = 20;  // MNIST's digits fill a box of 20×20 pixels
constexpr int kZoom = 8;     // drawn so many times larger, then averaged

/// An arc of an ellipse; angles in degrees, clockwise from three o'clock, as y points down.
Stroke arc(Point centre, double rx, double ry, double from, double to) {
  Stroke out;
  const int steps = std::max(2, static_cast<int>(std::abs(to - from) / 30));
  for (int i = 0; i <= steps; ++i) {
    const double angle = (from + (to - from) * i / steps) * std::numbers::pi / 180;
    out.emplace_back(centre.x + rx * std::cos(angle), centre.y + ry * std::sin(angle));
  }
  return out;
}

Stroke joined(Stroke first, const Stroke& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// How a hand writes each digit, in a frame about one wide and one high, y down.
Drawing strokes_of(int digit) {
  switch (digit) {
    case 0:
      return {arc({0.5, 0.5}, 0.34, 0.48, -80, 285)};
    case 1:
      return {{{0.53, 0.02}, {0.51, 0.35}, {0.49, 0.65}, {0.47, 0.98}}};
    case 2:
      return {joined(arc({0.46, 0.28}, 0.31, 0.26, 200, 380),
                     {{0.62, 0.58}, {0.38, 0.82}, {0.17, 0.96}, {0.45, 0.93}, {0.68, 0.95}, {0.86, 0.94}})};
    case 3:
      return {joined(arc({0.45, 0.26}, 0.29, 0.24, 205, 440), arc({0.45, 0.73}, 0.33, 0.25, -85, 150))};
    case 4:
      return {{{0.24, 0.05}, {0.2, 0.3}, {0.19, 0.52}, {0.45, 0.54}, {0.77, 0.49}},
              {{0.76, 0.03}, {0.73, 0.35}, {0.7, 0.65}, {0.67, 0.98}}};
    case 5:
      return {{{0.82, 0.05}, {0.6, 0.06}, {0.34, 0.07}},
              joined({{0.34, 0.07}, {0.3, 0.25}, {0.27, 0.45}}, arc({0.45, 0.69}, 0.32, 0.27, -80, 145))};
    case 6:
      return {
          joined({{0.68, 0.03}, {0.46, 0.18}, {0.3, 0.42}, {0.22, 0.68}}, arc({0.48, 0.74}, 0.26, 0.23, 160, -185))};
    case 7:
      return {{{0.14, 0.12}, {0.4, 0.1}, {0.62, 0.09}, {0.84, 0.08}},
              {{0.84, 0.08}, {0.7, 0.34}, {0.56, 0.64}, {0.44, 0.98}}};
    case 8:
      return {joined(arc({0.5, 0.26}, 0.25, 0.22, -40, -270), arc({0.49, 0.73}, 0.29, 0.24, -90, 230)),
              {{0.3, 0.55}, {0.5, 0.45}, {0.69, 0.12}}};
    default:
      return {arc({0.47, 0.28}, 0.27, 0.25, -20, -340), {{0.74, 0.2}, {0.73, 0.45}, {0.67, 0.72}, {0.58, 0.98}}};
  }
}

/// A hand's own slant, turn and width, and a small tremble of every point.
Drawing written(Drawing drawing, Random& random) {
  const double slant = random.uniform(0.02, 0.22);
  const double turn = random.uniform(-0.06, 0.06);
  const double narrow = random.uniform(0.85, 1.0);
  for (Stroke& stroke : drawing) {
    for (Point& p : stroke) {
      p += Point(random.uniform(-0.012, 0.012), random.uniform(-0.012, 0.012));
      const double x = (p.x - 0.5) * narrow - slant * (p.y - 0.5);
      const double y = p.y - 0.5;
      p = {x * std::cos(turn) - y * std::sin(turn), x * std::sin(turn) + y * std::cos(turn)};
    }
  }
  return drawing;
}

/// A Catmull-Rom spline through the points.
Stroke smooth(const Stroke& points) {
  constexpr int kSteps = 12;
  const auto at = [&](std::ptrdiff_t i) {
    return points[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(i, 0, std::ssize(points) - 1))];
  };
  Stroke out;
  for (std::ptrdiff_t i = 0; i + 1 < std::ssize(points); ++i) {
    const Point a = at(i - 1), b = at(i), c = at(i + 1), d = at(i + 2);
    for (int k = 0; k < kSteps; ++k) {
      const double t = static_cast<double>(k) / kSteps;
      out.push_back(0.5 *
                    (2 * b + t * (c - a) + t * t * (2 * a - 5 * b + 4 * c - d) + t * t * t * (3 * b - a - 3 * c + d)));
    }
  }
  out.push_back(points.back());
  return out;
}

/// Scales and moves the drawing so that pen strokes of `pen` pixels fill the box, centred in the canvas.
void fit(Drawing& drawing, double pen) {
  Point low(1e9, 1e9), high(-1e9, -1e9);
  for (const Stroke& stroke : drawing) {
    for (const Point& p : stroke) {
      low = {std::min(low.x, p.x), std::min(low.y, p.y)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y)};
    }
  }
  const double scale = (kBox - pen) / std::max(high.x - low.x, high.y - low.y);
  for (Stroke& stroke : drawing) {
    for (Point& p : stroke) p = (p - (low + high) * 0.5) * scale + Point(kSide / 2.0, kSide / 2.0);
  }
}

/// The canvas, kZoom times larger than the image.
cv::Mat ink(const Drawing& drawing, double pen) {
  constexpr int kShift = 4;  // sub-pixel coordinates
  cv::Mat canvas(kSide * kZoom, kSide * kZoom, CV_8U, cv::Scalar(0));
  for (const Stroke& stroke : drawing) {
    std::vector<cv::Point> line;
    for (const Point& p : stroke) line.emplace_back(cv::Point2d(p * kZoom * (1 << kShift)));
    cv::polylines(canvas, line, false, cv::Scalar(255), static_cast<int>(std::lround(pen * kZoom)), cv::LINE_AA,
                  kShift);
  }
  return canvas;
}

/// Moves the centre of mass to the middle; the margin of four pixels is room enough.
void centre_by_mass(cv::Mat& canvas) {
  const cv::Moments m = cv::moments(canvas);
  const double middle = kSide * kZoom / 2.0 - 0.5;
  const double limit = (kSide - kBox) / 2 * kZoom;
  const double dx = std::clamp(middle - m.m10 / m.m00, -limit, limit);
  const double dy = std::clamp(middle - m.m01 / m.m00, -limit, limit);
  const cv::Matx23d shift(1, 0, dx, 0, 1, dy);
  cv::warpAffine(canvas, canvas, shift, canvas.size(), cv::INTER_LINEAR);
}

Image draw(int digit, Random& random) {
  const double pen = random.uniform(2.1, 2.8);
  Drawing drawing = written(strokes_of(digit), random);
  for (Stroke& stroke : drawing) stroke = smooth(stroke);
  fit(drawing, pen);
  cv::Mat canvas = ink(drawing, pen);
  cv::GaussianBlur(canvas, canvas, {0, 0}, 0.4 * kZoom);
  centre_by_mass(canvas);
  cv::Mat small;
  cv::resize(canvas, small, {kSide, kSide}, 0, 0, cv::INTER_AREA);
  small.convertTo(small, CV_8U, 1.15);  // the blur took some of the brightness
  return {kSide, kSide, 1, {small.data, small.data + small.total()}};
}

}  // namespace

std::vector<Sample> sample_digits(std::uint64_t seed) {
  Random random(seed);
  std::vector<Sample> out;
  for (int digit = 0; digit < 10; ++digit) out.push_back({digit, draw(digit, random)});
  return out;
}

}  // namespace blindsight::vision
