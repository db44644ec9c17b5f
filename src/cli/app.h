// The program: one function a command, each of which adds its options and, where it was chosen, says what to do.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace blindsight::cli {

/// What all commands share.
struct Globals {
  int threads = 0;               ///< 0: all cores
  std::function<void()> action;  ///< set by the chosen command, run after the command line was read
};

/// A subcommand with --threads and examples (one a line) below its help.
CLI::App* add_command(CLI::App& app, Globals& globals, const std::string& name, const std::string& description,
                      const std::string& examples);

/// `start(options)` runs where the command was chosen.
template <typename Options, typename F>
void on_chosen(CLI::App* command, Globals& globals, std::shared_ptr<Options> options, F start) {
  command->callback([&globals, options, start] { globals.action = [options, start] { start(*options); }; });
}

void add_models(CLI::App& app, Globals& globals);
void add_compile(CLI::App& app, Globals& globals);
void add_keygen(CLI::App& app, Globals& globals);
void add_encrypt(CLI::App& app, Globals& globals);
void add_infer(CLI::App& app, Globals& globals);
void add_decrypt(CLI::App& app, Globals& globals);
void add_classify(CLI::App& app, Globals& globals);
void add_evaluate(CLI::App& app, Globals& globals);
void add_bench(CLI::App& app, Globals& globals);
void add_data(CLI::App& app, Globals& globals);
void add_chunk(CLI::App& app, Globals& globals);
void add_demo(CLI::App& app, Globals& globals);

/// The exit status: 0; 2 for a wrong command line or bad input; 1 for anything else. Errors are one line on stderr.
int run(int argc, const char* const* argv);

}  // namespace blindsight::cli
