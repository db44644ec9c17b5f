// A model's card: what its input must look like and what its outputs mean.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace blindsight::vision {

enum class Color { kGray, kRgb };

/// From pixel to tensor: (pixel · scale − mean[c]) / std[c], one mean and std for each channel.
struct Preprocess {
  int width = 0;
  int height = 0;
  Color color = Color::kGray;
  double scale = 1.0 / 255;
  std::vector<double> mean;
  std::vector<double> std;

  int channels() const { return color == Color::kGray ? 1 : 3; }
};

/// The images that the accuracy on the card was measured on: a split, or one fold of it.
struct Evaluation {
  std::string split = "test";
  int folds = 0;  ///< 0: the whole split
  int held_out_fold = 0;
};

struct Card {
  std::string name;
  std::string dataset;
  std::vector<std::string> labels;
  Preprocess preprocess;
  std::string provenance;
  std::map<std::string, double> accuracy;
  std::optional<Evaluation> evaluation;
};

/// From JSON text of at most 1 MiB. `name`, `dataset`, `labels` and all of `preprocess` must be there; `provenance`,
/// `accuracy` (entries that aren't numbers are passed over) and `evaluation` may be. Other keys are ignored.
/// Throws FormatError naming `what` and the key.
Card parse_card(std::string_view json, const std::string& what = "the card");

/// Throws IoError where the file can't be read, FormatError as above.
Card read_card(const std::filesystem::path& path);

/// Text that parse_card reads back as an equal card.
std::string to_json(const Card& card);

}  // namespace blindsight::vision
