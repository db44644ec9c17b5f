// Runs the program as users do: a process of its own.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "blindsight/base/bytes.h"

namespace blindsight::cli::test {

struct Result {
  int status = -1;
  std::string out;
  std::string err;
};

/// Runs `blindsight args…` and waits for it.
Result program(const std::vector<std::string>& args);

/// Expects a bad-input status, nothing but one "blindsight: error: …" line on stderr, and no file `output`.
void expect_refusal(const Result& result, const std::filesystem::path& output = {});

Bytes contents(const std::filesystem::path& file);
void store(const std::filesystem::path& file, const Bytes& bytes);

/// Whether the zoo has this model.
bool have_model(const std::string& name);

/// The compiled plan, keys, encrypted sample digits and result of one model, made once by four processes, in a folder
/// of the test run's own that is removed at the end.
class Workshop {
 public:
  static const Workshop& get();
  ~Workshop();
  std::filesystem::path path(const std::string& name) const { return folder_ / name; }
  const std::vector<std::string>& images() const { return images_; }
  /// Empty where all went well.
  const std::string& trouble() const { return trouble_; }

 private:
  Workshop();
  void run(const std::vector<std::string>& args);
  std::filesystem::path folder_;
  std::vector<std::string> images_;
  std::string trouble_;
};

inline constexpr const char* kModel = "tenseal-mnist";

}  // namespace blindsight::cli::test

/// Skips, and says so, where the zoo lacks the model that the tests use.
#define NEEDS_MODEL()                                                                            \
  if (!blindsight::cli::test::have_model(blindsight::cli::test::kModel)) {                       \
    GTEST_SKIP() << "NOT TESTED: models/" << blindsight::cli::test::kModel << ".onnx is absent"; \
  }                                                                                              \
  static_assert(true)
