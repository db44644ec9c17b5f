#include "blindsight/runtime/client.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "blindsight/base/error.h"

namespace blindsight::runtime {
namespace {

/// Slots of a result are real. What is none leaves imaginary parts as large as the real ones.
constexpr double kMaxImaginaryShare = 0.25;
constexpr double kNoiseFloor = 0.05;

}  // namespace

std::vector<double> pack(const compiler::Layout& layout, std::span<const double> tensor, std::size_t elements) {
  if (tensor.size() != elements) {
    throw InvalidArgument("a tensor of " + std::to_string(tensor.size()) + " elements where the model takes " +
                          std::to_string(elements));
  }
  std::vector<double> slots(layout.element.size(), 0.0);
  for (std::size_t s = 0; s < slots.size(); ++s) {
    const std::int32_t e = layout.element[s];
    if (e < 0) continue;
    if (static_cast<std::size_t>(e) >= elements) throw InvalidArgument("a layout of more elements than the tensor has");
    slots[s] = tensor[static_cast<std::size_t>(e)];
  }
  return slots;
}

std::vector<double> unpack(const compiler::Layout& layout, std::span<const double> slots, std::size_t elements) {
  if (slots.size() < layout.element.size()) {
    throw InvalidArgument(std::to_string(slots.size()) + " slots where the layout has " +
                          std::to_string(layout.element.size()));
  }
  // An element that stands in several slots: their mean has the least noise.
  std::vector<double> sum(elements, 0.0);
  std::vector<std::size_t> copies(elements, 0);
  for (std::size_t s = 0; s < layout.element.size(); ++s) {
    const std::int32_t e = layout.element[s];
    if (e < 0) continue;
    if (static_cast<std::size_t>(e) >= elements) throw InvalidArgument("a layout of more elements than the output has");
    sum[static_cast<std::size_t>(e)] += slots[s];
    ++copies[static_cast<std::size_t>(e)];
  }
  for (std::size_t e = 0; e < elements; ++e) {
    if (copies[e] == 0) throw InvalidArgument("output " + std::to_string(e) + " stands in no slot");
    sum[e] /= static_cast<double>(copies[e]);
  }
  return sum;
}

Client::Client(compiler::Manifest manifest)
    : manifest_(std::move(manifest)),
      context_(ckks::Context::create(manifest_.parameters)),
      output_context_(context_->in_ring(manifest_.output_ring)),
      encoder_(context_),
      decoder_(output_context_) {}

std::vector<ckks::SeededCiphertext> Client::encrypt(const ckks::SecretKey& secret,
                                                    std::span<const double> tensor) const {
  ckks::require_same_context(*context_, *secret.context(), "the secret key");
  const std::vector<double> slots = pack(manifest_.input, tensor, manifest_.input_elements);
  std::vector<ckks::SeededCiphertext> out;
  for (std::size_t i = 0; i < input_ciphertexts(); ++i) {
    const auto part = std::span(slots).subspan(i * context_->slots(), context_->slots());
    out.push_back(ckks::encrypt(secret, encoder_.encode(part, manifest_.input_scale, manifest_.input_level)));
  }
  return out;
}

const ckks::SecretKey& Client::output_secret(const ckks::SecretKey& secret) const {
  const ckks::SecretKey* own = &secret;
  for (unsigned ring = 0; ring < manifest_.output_ring; ++ring) own = own->smaller();
  return *own;
}

Answer Client::answer(const ckks::SecretKey& secret, std::span<const ckks::Ciphertext> results) const {
  ckks::require_same_context(*context_, *secret.context(), "the secret key");
  if (results.size() != output_ciphertexts()) {
    throw InvalidArgument(std::to_string(results.size()) + " ciphertexts where a result has " +
                          std::to_string(output_ciphertexts()));
  }
  const ckks::SecretKey& own = output_secret(secret);
  Answer out;
  std::vector<double> slots;
  for (const ckks::Ciphertext& result : results) {
    double real = 0, imaginary = 0;
    for (const auto& slot : decoder_.decode_complex(ckks::decrypt(own, result))) {
      slots.push_back(slot.real());
      real += slot.real() * slot.real();
      imaginary += slot.imag() * slot.imag();
    }
    const double floor = kNoiseFloor * kNoiseFloor * static_cast<double>(output_context_->slots());
    out.real &= imaginary <= std::max(floor, kMaxImaginaryShare * kMaxImaginaryShare * real);
  }
  out.logits = unpack(manifest_.output, slots, manifest_.output_elements);
  out.in_range = std::all_of(out.logits.begin(), out.logits.end(),
                             [&](double x) { return std::abs(x) <= manifest_.output_bound; });
  return out;
}

std::vector<double> Client::decrypt(const ckks::SecretKey& secret, std::span<const ckks::Ciphertext> results) const {
  return answer(secret, results).logits;
}

std::vector<ckks::Ciphertext> expand(const ckks::Context& context, std::span<const ckks::SeededCiphertext> inputs) {
  std::vector<ckks::Ciphertext> out;
  for (const ckks::SeededCiphertext& input : inputs) out.push_back(ckks::expand(context, input));
  return out;
}

std::vector<double> softmax(std::span<const double> logits) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const double x : logits) largest = std::max(largest, x);
  std::vector<double> out;
  double sum = 0;
  for (const double x : logits) {
    out.push_back(std::exp(x - largest));
    sum += out.back();
  }
  for (double& p : out) p /= sum;
  return out;
}

}  // namespace blindsight::runtime
