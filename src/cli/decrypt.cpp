// blindsight decrypt: encrypted results become labels and probabilities.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numbers>

#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/ckks/sampling.h"
#include "blindsight/ckks/serialise.h"
#include "blindsight/cli/app.h"
#include "blindsight/cli/files.h"
#include "blindsight/cli/report.h"
#include "blindsight/compiler/compile.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

struct Options {
  fs::path keys;
  std::optional<fs::path> manifest;
  fs::path input;
  std::optional<double> noise_bits;
  std::size_t top = 3;
  bool json = false;
};

/// Adds Gaussian noise of the given standard deviation, from the operating system's randomness (Box, Muller 1958).
void flood(std::vector<double>& logits, double deviation) {
  ckks::Prng prng(ckks::random_seed());
  std::vector<std::uint64_t> words(2 * logits.size());
  prng.fill({reinterpret_cast<std::uint8_t*>(words.data()), words.size() * sizeof(std::uint64_t)});
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double u = (static_cast<double>(words[2 * i] >> 11) + 1) * 0x1p-53;  // (0, 1]
    const double v = static_cast<double>(words[2 * i + 1] >> 11) * 0x1p-53;
    logits[i] += deviation * std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
  }
}

void decrypt(const Options& options) {
  const ClientFiles files = load_client(options.keys, options.manifest);
  const std::string what = options.input.string();
  const auto results = ckks::read_result_file(read_file(options.input), *files.client.context(), what,
                                              files.client.manifest().output_ring);
  std::vector<runtime::Answer> answers;
  const std::size_t each = files.client.output_ciphertexts();
  const std::size_t images = images_in(results.size(), each, what);
  for (std::size_t i = 0; i < images; ++i) {
    const auto result = std::span(results).subspan(i * each, each);
    answers.push_back(files.client.answer(files.secret, result));
    if (options.noise_bits)
      flood(answers.back().logits, std::exp2(*options.noise_bits) * compiler::Options{}.precision);
  }
  if (std::none_of(answers.begin(), answers.end(), [](const auto& answer) { return answer.real; })) {
    throw KeyMismatch(what + " does not decrypt to a result: it was encrypted or evaluated with other keys, or " +
                      (images == 1 ? "the image is" : "all images are") + " far from what the model was made for");
  }
  if (options.json) {
    Json list = Json::array();
    for (const auto& answer : answers) list.push_back(to_json(answer, files.card.labels));
    write_json("-", {{"model", files.card.name}, {"images", list}});
    return;
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    fmt::print("image {}: {}\n", i + 1, describe(answers[i], files.card.labels, options.top));
  }
}

}  // namespace

void add_decrypt(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(app, globals, "decrypt", "Decrypt results: labels and probabilities",
                                  "  blindsight decrypt --keys keys result.ct\n"
                                  "  blindsight decrypt --keys keys result.ct --json\n"
                                  "  blindsight decrypt --keys keys result.ct --noise-bits 4   (to be published)");
  command->add_option("--keys", options->keys, "Folder that keygen wrote")->required();
  command->add_option("--manifest", options->manifest, "Manifest (default: the copy in the key folder)");
  command->add_option("RESULT", options->input, "What infer wrote")->required();
  command
      ->add_option(
          "--noise-bits", options->noise_bits,
          fmt::format(
              "Noise flooding, for results that others will see: adds Gaussian noise of standard deviation 2^BITS "
              "x {} (the compiler's default bound of a logit's error) to every logit, because exact decryptions "
              "tell about the key (IND-CPA^D)",
              compiler::Options{}.precision))
      ->check(CLI::Range(0.0, 64.0));
  command->add_option("--top", options->top, "Labels to print for each image")->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  on_chosen(command, globals, options, decrypt);
}

}  // namespace blindsight::cli
