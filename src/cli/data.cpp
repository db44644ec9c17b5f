// blindsight data: data sets, checksummed.
#include <fmt/format.h>

#include <filesystem>

#include "blindsight/cli/app.h"
#include "blindsight/cli/progress.h"
#include "blindsight/cli/report.h"
#include "blindsight/vision/dataset.h"
#include "blindsight/vision/fetch.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

struct Options {
  std::string name;
  std::optional<fs::path> from;
  std::optional<fs::path> data;
};

void report(const vision::FetchEvent& event) {
  using Kind = vision::FetchEvent::Kind;
  switch (event.kind) {
    case Kind::kProgress:
      if (stdout_is_terminal()) {
        fmt::print("\r\033[K{}: {} of {}", event.file, human_bytes(static_cast<double>(event.done)),
                   event.total == 0 ? "?" : human_bytes(static_cast<double>(event.total)));
        std::fflush(stdout);
      }
      return;
    case Kind::kStored:
      fmt::print("{}{}: verified and stored\n", stdout_is_terminal() ? "\r\033[K" : "", event.file);
      return;
    case Kind::kAlreadyThere:
      fmt::print("{}: already there\n", event.file);
      return;
    case Kind::kWarning:
      fmt::print("{}warning: {}\n", stdout_is_terminal() ? "\r\033[K" : "", event.message);
      return;
  }
}

void fetch(const Options& options) {
  const fs::path directory = vision::data_directory(options.data);
  vision::fetch(options.name, directory, options.from, report);
  fmt::print("{} is in {}\n", options.name, (directory / options.name).string());
}

}  // namespace

void add_data(CLI::App& app, Globals& globals) {
  CLI::App* data = app.add_subcommand("data", "Data sets");
  data->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(*data, globals, "fetch", "Bring a data set here, every file checksummed",
                                  "  blindsight data fetch mnist\n"
                                  "  blindsight data fetch kmnist --from /media/datasets --data ~/data");
  std::string names;
  for (const auto& info : vision::known_datasets()) names += (names.empty() ? "" : ", ") + info.name;
  command->add_option("NAME", options->name, names)->required();
  command->add_option("--from", options->from, "A folder that has the files (default: their official addresses)");
  command->add_option("--data", options->data,
                      "Where data sets lie (default: $BLINDSIGHT_DATA, ~/.cache/blindsight/data)");
  on_chosen(command, globals, options, fetch);
}

}  // namespace blindsight::cli
