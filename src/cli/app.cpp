#include "blindsight/cli/app.h"

#include <fmt/format.h>

#include <cstdio>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"

namespace blindsight::cli {
namespace {

constexpr int kBadInput = 2;
constexpr int kFailure = 1;

int report_error(const std::string& message, int status) {
  std::string line;
  for (const char c : message) {
    if (c == '\n' || c == '\r') {
      if (!line.empty() && line.back() != ' ') line += ' ';
    } else {
      line += c;
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  std::fflush(stdout);
  fmt::print(stderr, "blindsight: error: {}\n", line);
  return status;
}

void add_all(CLI::App& app, Globals& globals) {
  add_demo(app, globals);
  add_models(app, globals);
  add_classify(app, globals);
  add_compile(app, globals);
  add_keygen(app, globals);
  add_encrypt(app, globals);
  add_infer(app, globals);
  add_decrypt(app, globals);
  add_evaluate(app, globals);
  add_chunk(app, globals);
  add_bench(app, globals);
  add_data(app, globals);
}

}  // namespace

CLI::App* add_command(CLI::App& app, Globals& globals, const std::string& name, const std::string& description,
                      const std::string& examples) {
  CLI::App* command = app.add_subcommand(name, description);
  command->add_option("--threads", globals.threads, "Threads to use (0: all cores)")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->footer("Examples:\n" + examples);
  return command;
}

int run(int argc, const char* const* argv) {
  CLI::App app{"Blindsight: classify images that the server cannot see.", "blindsight"};
  app.set_version_flag("--version", std::string("blindsight ") + BLINDSIGHT_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  blindsight demo                                encrypts and classifies sample images\n"
      "  blindsight classify tenseal-mnist digit.png    one image, all in one process\n"
      "  blindsight COMMAND --help                      options and examples of a command");
  Globals globals;
  add_all(app, globals);
  try {
    app.parse(argc, argv);
    const ThreadLimit limit(globals.threads);
    if (globals.action) globals.action();
    if (std::fflush(stdout) != 0) return report_error("standard output can't be written", kFailure);
    return 0;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    return report_error(std::string(e.what()) + " (see --help)", kBadInput);
  } catch (const Error& e) {
    return report_error(e.what(), kBadInput);
  } catch (const std::bad_alloc&) {
    return report_error("out of memory", kFailure);
  } catch (const std::exception& e) {
    return report_error(e.what(), kFailure);
  }
}

}  // namespace blindsight::cli
