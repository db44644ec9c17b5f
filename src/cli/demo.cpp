// blindsight demo: sample images that need no data set, encrypted, classified, decrypted, each beside what the server
// saw.
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "blindsight/cli/app.h"
#include "blindsight/cli/metrics.h"
#include "blindsight/cli/report.h"
#include "blindsight/cli/session.h"
#include "blindsight/vision/checksum.h"
#include "blindsight/vision/preprocess.h"
#include "blindsight/vision/sample_digits.h"
#include "blindsight/vision/terminal.h"

namespace blindsight::cli {
namespace {

constexpr int kCrop = 22;       // the ink of a 28×28 digit lies in its middle
constexpr int kTextWidth = 17;  // two images and their texts fit 80 columns
constexpr std::size_t kHashDigits = 12;

struct Options {
  std::string model = "tenseal-mnist";
  std::uint64_t seed = 1;
};

/// Lines of one image with text beside them.
struct Panel {
  std::vector<std::string> image;
  std::vector<std::string> text;
};

vision::Image crop(const vision::Image& image) {
  const int side = std::min({kCrop, image.width, image.height});
  const int left = (image.width - side) / 2;
  const int top = (image.height - side) / 2;
  vision::Image out{side, side, image.channels, {}};
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side * image.channels; ++x) {
      out.pixels.push_back(image.at(left + x / image.channels, top + y, x % image.channels));
    }
  }
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void print_row(const Panel& left, const Panel* right) {
  for (std::size_t i = 0; i < left.image.size(); ++i) {
    const auto text = [i](const Panel& panel) { return i < panel.text.size() ? panel.text[i] : ""; };
    fmt::print("{} {:<{}}", left.image[i], text(left), right == nullptr ? 0 : kTextWidth);
    if (right != nullptr) fmt::print("{} {}", right->image[i], text(*right));
    fmt::print("\n");
  }
  fmt::print("\n");
}

/// One sample's panel; adds its times to `sum`, and 1 to `right` where the answer is the drawn digit.
Panel classify(const Session& session, const Model& model, const vision::Sample& sample, Passage& sum, int& right) {
  const std::vector<double> tensor = vision::preprocess(sample.image, model.card, true);
  Bytes seen;
  const Passage passage = session.classify(tensor, &seen);
  sum.encrypt_ms += passage.encrypt_ms;
  sum.infer_ms += passage.infer_ms;
  sum.decrypt_ms += passage.decrypt_ms;
  const std::size_t best = argmax(passage.answer.logits);
  const std::string& label = model.card.labels[best];
  if (label == std::to_string(sample.label)) ++right;
  const double percent = 100 * runtime::softmax(passage.answer.logits)[best];
  return {
      lines_of(vision::render_terminal(crop(sample.image))),
      {"", fmt::format("drawn as  {}", sample.label), fmt::format("read as   {}", label),
       fmt::format("sure to   {:.1f} %", percent), "", "the server saw", human_bytes(static_cast<double>(seen.size())),
       vision::sha256_hex(seen).substr(0, kHashDigits) + "...", "for " + human_ms(passage.infer_ms)}};
}

void demo(const Options& options) {
  Stopwatch total;
  Stopwatch watch;
  const Model model = load_model(options.model);
  const compiler::Compiled compiled = compile_model(model);
  const double compile_ms = watch.lap_ms();
  const Session session(compiled.program, model.card_json, kDefaultMemoryBudget);
  const compiler::Report& report = compiled.report;
  fmt::print(
      "Blindsight: ten drawn digits, each encrypted, classified by a network that never sees it, decrypted.\n"
      "Network {}, CKKS ring 2^{}, log2(QP) = {:.0f} of at most {:.0f} for 128-bit security.\n\n",
      model.name, report.log_n, report.log_q + report.log_p, report.log_qp_limit);

  const std::vector<vision::Sample> samples = vision::sample_digits(options.seed);
  TravelBytes bytes;
  session.classify(vision::preprocess(samples.at(0).image, model.card, true), nullptr, &bytes);  // warms caches up
  Passage sum;
  int right = 0;
  std::vector<Panel> panels;
  for (const vision::Sample& sample : samples) panels.push_back(classify(session, model, sample, sum, right));
  for (std::size_t i = 0; i < panels.size(); i += 2) {
    print_row(panels[i], i + 1 < panels.size() ? &panels[i + 1] : nullptr);
  }

  const auto count = static_cast<double>(samples.size());
  fmt::print("{} of {} read as drawn.\n\n", right, samples.size());
  fmt::print("client  make the keys      {:>9}   once ({} for the server)\n", human_ms(session.keygen_ms()),
             human_bytes(static_cast<double>(bytes.evaluation_keys)));
  fmt::print("server  compile, load      {:>9}   once\n", human_ms(compile_ms + session.load_ms()));
  fmt::print("client  encrypt            {:>9}   an image ({} to the server)\n", human_ms(sum.encrypt_ms / count),
             human_bytes(static_cast<double>(bytes.input)));
  fmt::print("server  infer              {:>9}   an image, on ciphertexts alone\n", human_ms(sum.infer_ms / count));
  fmt::print("client  decrypt            {:>9}   an image ({} from the server)\n", human_ms(sum.decrypt_ms / count),
             human_bytes(static_cast<double>(bytes.result)));
  fmt::print("all of it                  {:>9}\n", human_ms(total.lap_ms()));
}

}  // namespace

void add_demo(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(app, globals, "demo", "Encrypt and classify sample images; needs no data set",
                                  "  blindsight demo\n"
                                  "  blindsight demo --model cryptondl-mnist --seed 7");
  command->add_option("--model", options->model, "A network that reads digits")->capture_default_str();
  command->add_option("--seed", options->seed, "Draws other digits")->capture_default_str();
  on_chosen(command, globals, options, demo);
}

}  // namespace blindsight::cli
