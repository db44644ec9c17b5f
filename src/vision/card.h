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
  bool equalise = false;  ///< the histogram, before all else; gray only

  int channels() const { return color == Color::kGray ? 1 : 3; }
};

/// For a network that takes an image in chunks: its own input, width × height of `preprocess`, is `group` chunks, one
/// below the other, and what it gives for several such inputs adds up to the image's logits.
struct Chunking {
  int image_width = 0;  ///< that images are stretched to before they are cut
  int image_height = 0;
  int chunk_height = 0;  ///< a chunk is as wide as the input
  int group = 1;         ///< chunks of one input
  std::string whole;     ///< model beside this one that takes the image in one piece; empty where there is none
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
  std::optional<Chunking> chunks;
  std::string provenance;
  std::map<std::string, double> accuracy;
  std::optional<Evaluation> evaluation;
};

/// From JSON text of at most 1 MiB. `name`, `dataset`, `labels` and all of `preprocess` but `equalise` must be there;
/// `chunks`, `provenance`, `accuracy` (entries that aren't numbers are passed over) and `evaluation` may be. Other keys
/// are ignored. Throws FormatError naming `what` and the key.
Card parse_card(std::string_view json, const std::string& what = "the card");

/// Throws IoError where the file can't be read, FormatError as above.
Card read_card(const std::filesystem::path& path);

/// Text that parse_card reads back as an equal card.
std::string to_json(const Card& card);

}  // namespace blindsight::vision
