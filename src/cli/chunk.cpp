// blindsight chunk: how an image would be cut, and what a server would learn if only the chunks with features were
// encrypted. Needs no model and no key.
#include <fmt/format.h>

#include <filesystem>

#include "blindsight/base/error.h"
#include "blindsight/cli/app.h"
#include "blindsight/cli/chunk_options.h"
#include "blindsight/cli/report.h"
#include "blindsight/vision/image.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

constexpr int kZoom = 4;  // of the picture: chunks are small

struct Options {
  fs::path image;
  fs::path output;
  std::string size = "112x112";
  std::string chunk_size = "28x28";
  ChunkOptions chunks;
  bool explain = false;
  bool equalise = true;
  bool json = false;
};

/// What the choice is made on.
struct Cut {
  vision::Image gray;
  vision::ChunkGrid grid;
  std::vector<double> statistics;
  std::vector<std::int32_t> index;
};

Cut cut(const Options& options) {
  const PixelSize whole = parse_size(options.size);
  const PixelSize chunk = parse_size(options.chunk_size);
  vision::Image gray = vision::to_gray(vision::read_image(options.image));
  gray = vision::resize(gray, whole.width, whole.height);
  if (options.equalise) gray = vision::equalised(gray);
  const vision::ChunkGrid grid(whole.width, whole.height, chunk.width, chunk.height);
  auto statistics = vision::chunk_statistics(gray, grid, options.chunks.rule.statistic);
  auto index = vision::chunk_index(gray, grid, options.chunks.rule);
  return {std::move(gray), grid, std::move(statistics), std::move(index)};
}

/// The index in the image's shape, with each chunk's statistic.
void print_index(const Cut& cut) {
  for (std::size_t row = 0; row < cut.grid.rows(); ++row) {
    for (std::size_t column = 0; column < cut.grid.columns(); ++column) {
      const std::size_t k = row * cut.grid.columns() + column;
      fmt::print("  {:>4} {:<8}", cut.index[k], fmt::format("({:.1f})", cut.statistics[k]));
    }
    fmt::print("\n");
  }
}

void print_exposure(const vision::Exposure& seen, vision::PlainChunks plain) {
  const bool sent = plain == vision::PlainChunks::kSend;
  fmt::print("An observer of what is sent learns\n");
  fmt::print("  which chunks have features: the signs above ({} of {} do)\n", seen.chunks - seen.in_clear, seen.chunks);
  if (sent) {
    fmt::print("  the pixels of the others: {:.1f} % of the image\n", 100 * seen.pixels);
  } else {
    fmt::print("  the mean level of each of the others, none of their pixels\n");
  }
  fmt::print("  {:.1f} % of the image's variance\n", 100 * seen.variance);
  fmt::print("With --chunks all it learns nothing but that an image was sent.\n");
}

void chunk(const Options& options) {
  const Cut cut = cli::cut(options);
  const vision::Exposure seen = vision::exposure(cut.gray, cut.grid, cut.index, options.chunks.plain);
  if (!options.output.empty()) {
    vision::write_png(options.output,
                      vision::seen_by_server(cut.gray, cut.grid, cut.index, options.chunks.plain, kZoom));
  }
  if (options.json) {
    write_json("-", {{"file", options.image.string()},
                     {"index", cut.index},
                     {"statistics", cut.statistics},
                     {"in_clear", seen.in_clear},
                     {"pixels_in_clear", seen.pixels},
                     {"variance_in_clear", seen.variance}});
    return;
  }
  fmt::print("{}: {} chunks of {}, features where the {} gradient is at least {:g}\n", options.image.string(),
             seen.chunks, options.chunk_size, name(options.chunks.rule.statistic), options.chunks.rule.threshold);
  print_index(cut);
  if (options.explain) print_exposure(seen, options.chunks.plain);
  if (!options.output.empty()) fmt::print("wrote {}: the image as the server sees it\n", options.output.string());
}

}  // namespace

void add_chunk(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      add_command(app, globals, "chunk", "Show how an image is cut, and what selective encryption leaks",
                  "  blindsight chunk --explain steel.png -o seen.png\n"
                  "  blindsight chunk --explain steel.png --threshold 150 --plain-chunks drop\n"
                  "  blindsight chunk steel.png --chunk-size 28x26 --statistic maximum --json");
  command->add_option("IMAGE", options->image, "PNG, JPEG, PGM, PPM or BMP file")->required();
  command->add_flag("--explain", options->explain, "Print what an observer learns");
  command->add_option("-o,--output", options->output, "PNG of the image as the server sees it");
  command->add_option("--size", options->size, "Pixels that the image is stretched to first")->capture_default_str();
  add_chunk_rule(*command, options->chunks, options->chunk_size);
  command->add_flag("--equalise,!--no-equalise", options->equalise, "Equalise the histogram first (default: yes)");
  command->add_flag("--json", options->json, "Print JSON");
  on_chosen(command, globals, options, chunk);
}

}  // namespace blindsight::cli
