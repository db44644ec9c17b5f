#include "blindsight/cli/chunk_options.h"

#include <fmt/format.h>

#include <charconv>
#include <map>

#include "blindsight/base/error.h"

namespace blindsight::cli {
namespace {

using vision::ChunkStatistic;
using vision::PlainChunks;

const std::map<std::string, ChunkMode> kModes{
    {"feature", ChunkMode::kFeature}, {"all", ChunkMode::kAll}, {"off", ChunkMode::kOff}};
const std::map<std::string, PlainChunks> kPlain{{"send", PlainChunks::kSend}, {"drop", PlainChunks::kDrop}};
const std::map<std::string, ChunkStatistic> kStatistics{{"mean", ChunkStatistic::kMean},
                                                        {"maximum", ChunkStatistic::kMaximum}};

template <typename Value>
const char* name_in(const std::map<std::string, Value>& names, Value value) {
  for (const auto& [name, other] : names) {
    if (other == value) return name.c_str();
  }
  return "?";
}

}  // namespace

const char* name(ChunkMode mode) { return name_in(kModes, mode); }
const char* name(PlainChunks plain) { return name_in(kPlain, plain); }
const char* name(ChunkStatistic statistic) { return name_in(kStatistics, statistic); }

PixelSize parse_size(const std::string& text) {
  PixelSize size;
  const char* end = text.data() + text.size();
  const auto [x, error] = std::from_chars(text.data(), end, size.width);
  const bool has_x = error == std::errc{} && x != end && *x == 'x';
  const auto rest = has_x ? std::from_chars(x + 1, end, size.height) : std::from_chars_result{end, std::errc{}};
  if (!has_x || rest.ec != std::errc{} || rest.ptr != end || size.width <= 0 || size.height <= 0) {
    throw InvalidArgument(fmt::format("'{}' is no size in pixels: give width and height as in 28x26", text));
  }
  return size;
}

vision::ChunkRule ChunkOptions::effective_rule() const {
  return mode.value_or(ChunkMode::kAll) == ChunkMode::kAll ? vision::ChunkRule{rule.statistic, 0} : rule;
}

void add_chunk_rule(CLI::App& command, ChunkOptions& options, std::string& size) {
  command
      .add_option("--threshold", options.rule.threshold,
                  "A chunk has features where its statistic is at least this (0: all, inf: none)")
      ->capture_default_str();
  command
      .add_option("--statistic", options.rule.statistic,
                  "Of the gradient's magnitude over a chunk: mean or maximum (default: mean)")
      ->transform(CLI::CheckedTransformer(kStatistics).description(""));
  command
      .add_option("--plain-chunks", options.plain,
                  "Chunks without features: send their pixels in the clear, or drop them and send their mean level "
                  "(send or drop; default: send)")
      ->transform(CLI::CheckedTransformer(kPlain).description(""));
  const std::string standard = size.empty() ? "what the model takes" : size;
  command.add_option("--chunk-size", size, "Pixels of a chunk, such as 28x26 (default: " + standard + ")");
}

void add_chunk_options(CLI::App& command, ChunkOptions& options) {
  command
      .add_option(
          "--chunks", options.mode,
          "Of a model that takes an image in chunks: encrypt those with features only (feature; the server sees "
          "the others: docs/selective-encryption.md), all of them (all, the default), or the image in one piece "
          "(off)")
      ->transform(CLI::CheckedTransformer(kModes).description(""));
  add_chunk_rule(command, options, options.size);
}

void check_chunk_mode(const vision::Card& card, const ChunkOptions& options) {
  const ChunkMode mode = options.mode.value_or(card.chunks ? ChunkMode::kAll : ChunkMode::kOff);
  if (!card.chunks && mode != ChunkMode::kOff) {
    throw InvalidArgument(
        fmt::format("'{}' takes images in one piece: for --chunks {} take a model of chunks, such as neu-chunks",
                    card.name, name(mode)));
  }
  if (card.chunks && mode == ChunkMode::kOff) {
    const std::string& whole = card.chunks->whole;
    throw InvalidArgument(fmt::format("'{}' takes an image in chunks: for --chunks off {}", card.name,
                                      whole.empty() ? "take a model of whole images" : "use the model " + whole));
  }
}

vision::ChunkGrid chunk_grid(const vision::Card& card, const ChunkOptions& options) {
  if (!card.chunks) throw InvalidArgument("'" + card.name + "' takes images in one piece, not in chunks");
  const vision::Chunking& chunks = *card.chunks;
  const PixelSize most{card.preprocess.width, chunks.chunk_height};
  const PixelSize size = options.size.empty() ? most : parse_size(options.size);
  if (size.width > most.width || size.height > most.height) {
    throw InvalidArgument(fmt::format("chunks of {}x{} pixels: '{}' takes at most {}x{}", size.width, size.height,
                                      card.name, most.width, most.height));
  }
  return {chunks.image_width, chunks.image_height, size.width, size.height};
}

}  // namespace blindsight::cli
