#include "blindsight/vision/calibration_images.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "blindsight/vision/random.h"

namespace blindsight::vision {
namespace {

/// Values of one channel, row by row.
struct Plane {
  int width, height;
  std::vector<double> value;
  Plane(int w, int h) : width(w), height(h), value(static_cast<std::size_t>(w) * h, 0.0) {}
  double& at(int x, int y) { return value[static_cast<std::size_t>(y) * width + x]; }
};

/// Smooth noise: random values on a lattice of `step` pixels, interpolated.
void add_octave(Plane& plane, double step, double amplitude, Random& random) {
  const int columns = static_cast<int>(plane.width / step) + 3;
  const int rows = static_cast<int>(plane.height / step) + 3;
  Plane lattice(columns, rows);
  for (double& v : lattice.value) v = amplitude * random.uniform(-1, 1);
  const double dx = random.uniform(0, 1), dy = random.uniform(0, 1);
  const auto smooth = [](double t) { return t * t * (3 - 2 * t); };
  for (int y = 0; y < plane.height; ++y) {
    for (int x = 0; x < plane.width; ++x) {
      const double u = x / step + dx, v = y / step + dy;
      const int i = static_cast<int>(u), j = static_cast<int>(v);
      const double a = smooth(u - i), b = smooth(v - j);
      plane.at(x, y) += (1 - b) * ((1 - a) * lattice.at(i, j) + a * lattice.at(i + 1, j)) +
                        b * ((1 - a) * lattice.at(i, j + 1) + a * lattice.at(i + 1, j + 1));
    }
  }
}

/// Octaves of amplitude proportional to their wavelength.
Plane nature(int width, int height, Random& random) {
  Plane plane(width, height);
  const double side = std::max(width, height);
  for (double step = side; step >= 1; step /= 2) add_octave(plane, step, step / side, random);
  return plane;
}

/// Mean 0, variance 1; left alone where it is flat.
void normalise(Plane& plane) {
  const auto count = static_cast<double>(plane.value.size());
  double mean = 0, square = 0;
  for (const double v : plane.value) mean += v / count;
  for (double& v : plane.value) {
    v -= mean;
    square += v * v / count;
  }
  if (square < 1e-12) return;
  for (double& v : plane.value) v /= std::sqrt(square);
}

/// How far inside a pixel lies: above 1 outside.
struct Ellipse {
  double x, y, a, b, cosine, sine;
  bool box;
  Ellipse(const Plane& plane, double least, double most, Random& random) {
    const double side = std::min(plane.width, plane.height);
    x = random.uniform(0.15, 0.85) * plane.width;
    y = random.uniform(0.15, 0.85) * plane.height;
    a = random.uniform(least, most) * side;
    b = random.uniform(least, most) * side;
    const double t = random.uniform(-1, 1);  // rational points of the circle: no library's sine
    cosine = (1 - t * t) / (1 + t * t);
    sine = 2 * t / (1 + t * t);
    box = random.uniform(0, 1) < 0.5;
  }
  bool holds(int px, int py) const {
    const double u = ((px - x) * cosine + (py - y) * sine) / a;
    const double v = ((py - y) * cosine - (px - x) * sine) / b;
    return box ? std::abs(u) < 1 && std::abs(v) < 1 : u * u + v * v < 1;
  }
};

/// Shapes of one brightness each and a gradient.
void add_scene(Plane& plane, Random& random) {
  const double gx = random.uniform(-1.5, 1.5), gy = random.uniform(-1.5, 1.5);
  for (int y = 0; y < plane.height; ++y) {
    for (int x = 0; x < plane.width; ++x) plane.at(x, y) += gx * x / plane.width + gy * y / plane.height;
  }
  const int shapes = 1 + static_cast<int>(random.uniform(0, 4));
  for (int i = 0; i < shapes; ++i) {
    const Ellipse shape(plane, 0.08, 0.4, random);
    const double change = random.uniform(-2.5, 2.5);
    for (int y = 0; y < plane.height; ++y) {
      for (int x = 0; x < plane.width; ++x) plane.at(x, y) += shape.holds(x, y) ? change : 0;
    }
  }
}

/// Brightness of a figure in [0, 1] on black: strokes, or filled shapes, until they cover `share` of the image.
Plane figure(int width, int height, double share, Random& random) {
  Plane plane(width, height);
  const double side = std::min(width, height);
  const bool strokes = share < 0.3;
  const double pen = side * random.uniform(0.045, 0.075);
  double covered = 0;
  double x = random.uniform(0.3, 0.7) * width, y = random.uniform(0.25, 0.6) * height;
  double dx = random.uniform(-1, 1), dy = random.uniform(-1, 1);
  const auto ink = [&](int px, int py, double brightness) {
    double& v = plane.at(px, py);
    if (brightness > v) {
      covered += brightness - v;
      v = brightness;
    }
  };
  const double wanted = share * static_cast<double>(plane.value.size());
  for (int step = 0; step < 4000 && covered < wanted; ++step) {
    if (!strokes) {
      const Ellipse shape(plane, 0.1, 0.35, random);
      for (int py = 0; py < height; ++py) {
        for (int px = 0; px < width; ++px) {
          if (shape.holds(px, py)) ink(px, py, 1);
        }
      }
      continue;
    }
    // A pen that turns slowly, and away from the margin.
    dx += random.uniform(-0.35, 0.35) + 0.04 * (width / 2.0 - x) / (0.3 * width);
    dy += random.uniform(-0.35, 0.35) + 0.04 * (height / 2.0 - y) / (0.3 * height);
    const double length = std::max(1e-3, std::sqrt(dx * dx + dy * dy));
    dx /= length;
    dy /= length;
    x = std::clamp(x + dx, 0.15 * width, 0.85 * width);
    y = std::clamp(y + dy, 0.15 * height, 0.85 * height);
    const int reach = static_cast<int>(pen) + 2;
    const int cx = static_cast<int>(x), cy = static_cast<int>(y);
    for (int py = std::max(0, cy - reach); py <= std::min(height - 1, cy + reach); ++py) {
      for (int px = std::max(0, cx - reach); px <= std::min(width - 1, cx + reach); ++px) {
        const double distance = std::sqrt((px - x) * (px - x) + (py - y) * (py - y));
        ink(px, py, std::clamp(pen + 0.5 - distance, 0.0, 1.0));
      }
    }
  }
  return plane;
}

/// Mean and spread of the pixels that the card normalises by, and whether it says so.
struct Look {
  std::array<double, 3> mean{}, spread{};
  bool normalised = true;
  bool dark() const { return spread[0] > mean[0]; }
};

Look look_of(const Preprocess& p) {
  Look look;
  for (std::size_t c = 0; c < p.mean.size() && c < 3; ++c) {
    look.mean[c] = p.mean[c] / p.scale;
    look.spread[c] = p.std[c] / std::abs(p.scale);
    look.normalised &= look.mean[c] > 1 && look.mean[c] < 254 && look.spread[c] > 1 && look.spread[c] < 255;
  }
  return look;
}

std::uint8_t pixel(double value) { return static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 255.0))); }

Image picture(const Preprocess& p, const Look& look, bool scene, Random& random) {
  const int channels = p.channels();
  Image image{p.width, p.height, channels,
              std::vector<std::uint8_t>(static_cast<std::size_t>(p.width) * p.height * channels)};
  Plane light = nature(p.width, p.height, random);
  normalise(light);
  if (scene) add_scene(light, random);
  normalise(light);
  const double contrast = random.uniform(0.5, 1.4), shift = random.uniform(-0.8, 0.8);
  const double colourful = random.uniform(0.05, 0.4);
  for (int c = 0; c < channels; ++c) {
    Plane own = nature(p.width, p.height, random);
    normalise(own);
    const double tint = channels == 1 ? 0 : random.uniform(-0.3, 0.3);
    for (std::size_t i = 0; i < light.value.size(); ++i) {
      const double v = contrast * (light.value[i] + (channels == 1 ? 0 : colourful * own.value[i])) + shift + tint;
      image.pixels[i * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c)] =
          pixel(look.mean[static_cast<std::size_t>(c)] + look.spread[static_cast<std::size_t>(c)] * v);
    }
  }
  return image;
}

Image bright_figure(const Preprocess& p, const Look& look, Random& random) {
  const int channels = p.channels();
  Image image{p.width, p.height, channels, {}};
  // A share s of the pixels at brightness b has mean s·b and mean square s·b².
  const double bright = std::min(255.0, (look.mean[0] * look.mean[0] + look.spread[0] * look.spread[0]) / look.mean[0]);
  const double share = look.mean[0] / bright * random.uniform(0.5, 1.7);
  Plane shape = figure(p.width, p.height, share, random);
  Plane texture = nature(p.width, p.height, random);
  normalise(texture);
  const bool strokes = share < 0.3;
  const double grain = strokes ? 0.03 : random.uniform(0.05, 0.3);
  const double level = std::min(255.0, bright * (strokes ? 1.12 : random.uniform(0.7, 1.2)));
  for (std::size_t i = 0; i < shape.value.size(); ++i) {
    const double v = shape.value[i] * level * (1 + grain * texture.value[i]);
    for (int c = 0; c < channels; ++c) image.pixels.push_back(pixel(v));
  }
  return image;
}

}  // namespace

std::vector<Image> calibration_images(const Preprocess& preprocess, std::size_t count) {
  Random random(20260101);
  Look look = look_of(preprocess);
  const bool both = !look.normalised;
  Look figures = look;
  if (both) {  // what data sets usually have
    look.mean.fill(120);
    look.spread.fill(63);
    figures.mean.fill(45);
    figures.spread.fill(85);
  }
  std::vector<Image> images;
  for (std::size_t i = 0; i < count; ++i) {
    const bool dark = both ? i % 2 == 1 : look.dark();
    images.push_back(dark ? bright_figure(preprocess, figures, random) : picture(preprocess, look, i % 4 < 2, random));
  }
  return images;
}

}  // namespace blindsight::vision
