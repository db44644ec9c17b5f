#include "blindsight/cli/input.h"

#include "blindsight/base/error.h"
#include "blindsight/vision/chunk_input.h"
#include "blindsight/vision/preprocess.h"

namespace blindsight::cli {
namespace {

runtime::Parts chunk_parts(const vision::Image& image, const vision::Card& card, const ChunkOptions& options,
                           bool resize) {
  const vision::Image gray = vision::image_to_cut(image, card, resize);
  const vision::ChunkGrid grid = chunk_grid(card, options);
  runtime::Parts parts;
  parts.index = vision::chunk_index(gray, grid, options.effective_rule());
  const std::vector<vision::Image> chunks = vision::split(gray, grid);
  for (std::size_t k = 0; k < chunks.size(); ++k) {
    const bool dropped = parts.index[k] < 0 && options.plain == vision::PlainChunks::kDrop;
    parts.levels.push_back(dropped ? Bytes{vision::mean_level(chunks[k])} : vision::chunk_levels(chunks[k], card));
  }
  return parts;
}

}  // namespace

PartsShape parts_shape(const vision::Card& card, std::size_t parts) {
  if (!card.chunks) throw InvalidArgument("'" + card.name + "' takes images in one piece, not in chunks");
  const vision::LevelScale scale = vision::level_scale(card);
  return {static_cast<std::size_t>(card.chunks->group), parts, {scale.factor, scale.offset}};
}

PartsShape parts_shape(const vision::Card& card, const ChunkOptions& options) {
  return parts_shape(card, chunk_grid(card, options).size());
}

Input make_input(const vision::Image& image, const vision::Card& card, const ChunkOptions& options, bool resize) {
  check_chunk_mode(card, options);
  if (card.chunks) return {{}, chunk_parts(image, card, options, resize)};
  return {vision::preprocess(image, card, resize), {}};
}

Input read_input(const std::filesystem::path& file, const vision::Card& card, const ChunkOptions& options,
                 bool resize) {
  const vision::Image image = vision::read_image(file);
  try {
    return make_input(image, card, options, resize);
  } catch (const InvalidArgument& e) {
    throw InvalidArgument(file.string() + ": " + e.what());
  }
}

}  // namespace blindsight::cli
