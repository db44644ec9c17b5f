// --chunks and what belongs to it, as several commands take them.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "blindsight/vision/card.h"
#include "blindsight/vision/chunk_index.h"
#include "blindsight/vision/exposure.h"

namespace blindsight::cli {

/// Width and height in pixels, as "28x26".
struct PixelSize {
  int width = 0;
  int height = 0;
};
/// Throws InvalidArgument where it is none.
PixelSize parse_size(const std::string& text);

/// Which chunks are encrypted.
enum class ChunkMode { kOff, kAll, kFeature };

struct ChunkOptions {
  std::optional<ChunkMode> mode;  ///< default: all chunks of a model of chunks, off for others
  vision::ChunkRule rule;
  vision::PlainChunks plain = vision::PlainChunks::kSend;
  std::string size;  ///< "": the model's

  /// Of the chunks of a model of chunks: all are for --chunks all, whatever the rule says.
  vision::ChunkRule effective_rule() const;
};

/// --threshold, --statistic, --plain-chunks, and --chunk-size into `size`.
void add_chunk_rule(CLI::App& command, ChunkOptions& options, std::string& size);
/// --chunks and those.
void add_chunk_options(CLI::App& command, ChunkOptions& options);

/// The grid that the options cut the card's images into. Throws InvalidArgument where the card has no `chunks`, or a
/// chunk doesn't fit what the model takes for one.
vision::ChunkGrid chunk_grid(const vision::Card& card, const ChunkOptions& options);

/// Throws InvalidArgument, with the remedy, where --chunks asks for what a model with this card can't do.
void check_chunk_mode(const vision::Card& card, const ChunkOptions& options);

/// "feature", "all", "off"; "send", "drop"; "mean", "maximum".
const char* name(ChunkMode mode);
const char* name(vision::PlainChunks plain);
const char* name(vision::ChunkStatistic statistic);

}  // namespace blindsight::cli
