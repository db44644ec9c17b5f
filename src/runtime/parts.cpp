#include "blindsight/runtime/parts.h"

#include <algorithm>

#include "blindsight/base/error.h"

namespace blindsight::runtime {
namespace {

std::size_t groups_for(std::size_t parts, std::size_t group) { return (parts + group - 1) / group; }

void check_index(std::span<const std::int32_t> index) {
  for (std::size_t k = 0; k < index.size(); ++k) {
    const auto number = static_cast<std::int32_t>(k) + 1;
    if (index[k] != number && index[k] != -number) {
      throw InvalidArgument("entry " + std::to_string(k) + " of the index is " + std::to_string(index[k]) +
                            ": it must be that part's number, " + std::to_string(number) + ", or its negative");
    }
  }
}

void add(std::vector<double>& sum, std::span<const double> other, double factor) {
  for (std::size_t s = 0; s < sum.size(); ++s) sum[s] += factor * other[s];
}

/// A ciphertext that anyone can read.
ckks::Ciphertext transparent(const ckks::Plaintext& plain) {
  return {{plain.poly, ring::EvalPoly(plain.poly.basis())}, plain.scale};
}

}  // namespace

std::size_t encrypted_count(std::span<const std::int32_t> index) {
  return static_cast<std::size_t>(std::count_if(index.begin(), index.end(), [](std::int32_t i) { return i > 0; }));
}

std::vector<std::vector<double>> group_parts(const std::vector<Bytes>& levels, std::size_t group, std::size_t part,
                                             const Affine& affine) {
  std::vector<std::vector<double>> tensors(groups_for(levels.size(), group), std::vector<double>(group * part, 0.0));
  for (std::size_t k = 0; k < levels.size(); ++k) {
    const Bytes& some = levels[k];
    if (some.size() != part && some.size() != 1) {
      throw InvalidArgument("a part of " + std::to_string(some.size()) + " levels where the network takes " +
                            std::to_string(part));
    }
    const auto first = tensors[k / group].begin() + static_cast<std::ptrdiff_t>(k % group * part);
    for (std::size_t i = 0; i < part; ++i) {
      first[static_cast<std::ptrdiff_t>(i)] = affine.factor * some[some.size() == 1 ? 0 : i] + affine.offset;
    }
  }
  return tensors;
}

PartsUpload encrypt_parts(const Client& client, const ckks::SecretKey& secret, const Parts& parts, std::size_t group,
                          const Affine& affine) {
  check_index(parts.index);
  if (parts.levels.size() != parts.index.size()) {
    throw InvalidArgument(std::to_string(parts.levels.size()) + " parts for an index of " +
                          std::to_string(parts.index.size()));
  }
  const std::size_t part = client.manifest().input_elements / group;
  PartsUpload out;
  out.index = parts.index;
  std::vector<Bytes> hidden;
  for (std::size_t k = 0; k < parts.index.size(); ++k) {
    if (parts.index[k] > 0 && parts.levels[k].size() != part) {
      throw InvalidArgument("a part to encrypt has " + std::to_string(parts.levels[k].size()) +
                            " levels, the network takes " + std::to_string(part));
    }
    (parts.index[k] > 0 ? hidden : out.clear).push_back(parts.levels[k]);
  }
  for (const auto& tensor : group_parts(hidden, group, part, affine)) {
    auto some = client.encrypt(secret, tensor);
    std::move(some.begin(), some.end(), std::back_inserter(out.encrypted));
  }
  return out;
}

PartsExecutor::PartsExecutor(ckks::ContextPtr context, const compiler::Program& program, std::size_t group,
                             std::size_t parts, const Affine& affine, std::size_t memory_budget)
    : context_(std::move(context)), group_(group), parts_(parts), affine_(affine), encoder_(context_) {
  if (group == 0 || parts == 0 || program.input_elements % group != 0) {
    throw InvalidArgument("an input of " + std::to_string(program.input_elements) + " elements isn't " +
                          std::to_string(group) + " equal parts, of " + std::to_string(parts) + " of an image");
  }
  // A group that is larger than the image has places that stay empty, whatever is encrypted.
  if (group > parts) throw InvalidArgument("the network takes more parts at once than the image has");
  compiler::Halves halves = compiler::halve(program, static_cast<double>(group) / static_cast<double>(parts));
  body_ = std::make_shared<const compiler::Program>(std::move(halves.body));
  head_ = std::make_shared<const compiler::Program>(std::move(halves.head));
  run_body_ = std::make_unique<const Executor>(context_, body_, memory_budget);
  run_head_ = std::make_unique<const Executor>(context_, head_, memory_budget);
  simulate_body_ = std::make_unique<const Simulator>(body_);
  blank_ = body_in_clear(std::vector<double>(body_->input_elements, 0.0));
  for (double& v : blank_) v /= static_cast<double>(group);
}

std::vector<double> PartsExecutor::body_in_clear(const std::vector<double>& tensor) const {
  return simulate_body_->run(pack(body_->input, tensor, body_->input_elements));
}

/// What the clear parts add to the encrypted ones, less what empty places added too much.
std::vector<double> PartsExecutor::clear_sum(const PartsUpload& image) const {
  std::vector<double> sum(blank_.size(), 0.0);
  const std::size_t part = body_->input_elements / group_;
  for (const auto& tensor : group_parts(image.clear, group_, part, affine_)) add(sum, body_in_clear(tensor), 1);
  const std::size_t hidden = encrypted_count(image.index);
  const std::size_t places = group_ * (groups_for(hidden, group_) + groups_for(image.clear.size(), group_));
  add(sum, blank_, -static_cast<double>(places - image.index.size()));
  return sum;
}

std::vector<ckks::Ciphertext> PartsExecutor::run(const PartsUpload& image, const ckks::EvaluationKeys& keys) const {
  check_index(image.index);
  const std::size_t hidden = encrypted_count(image.index);
  const std::size_t each = body_->input_ciphertexts();
  if (image.index.size() != parts_ || image.clear.size() != parts_ - hidden ||
      image.encrypted.size() != groups_for(hidden, group_) * each) {
    throw InvalidArgument("an image of " + std::to_string(image.index.size()) + " parts, " +
                          std::to_string(image.clear.size()) + " of them in the clear, and " +
                          std::to_string(image.encrypted.size()) + " ciphertexts, where the network takes " +
                          std::to_string(parts_) + " parts, " + std::to_string(group_) + " in " + std::to_string(each) +
                          " ciphertexts");
  }
  const ckks::Evaluator evaluator(context_);
  std::vector<ckks::Ciphertext> sum;
  for (std::size_t first = 0; first < image.encrypted.size(); first += each) {
    auto some = run_body_->run(expand(*context_, std::span(image.encrypted).subspan(first, each)), keys);
    for (std::size_t c = 0; c < some.size(); ++c) {
      if (sum.size() < some.size()) {
        sum.push_back(std::move(some[c]));
      } else {
        evaluator.add_inplace(sum[c], some[c]);
      }
    }
  }
  const std::vector<double> slots = clear_sum(image);
  for (std::size_t c = 0; c < slots.size() / context_->slots(); ++c) {
    const auto some = std::span(slots).subspan(c * context_->slots(), context_->slots());
    const ckks::Plaintext plain = encoder_.encode(some, head_->input_scale, head_->input_level);
    if (hidden == 0) {
      sum.push_back(transparent(plain));
    } else {
      evaluator.add_plain_inplace(sum[c], plain);
    }
  }
  return run_head_->run(std::move(sum), keys);
}

}  // namespace blindsight::runtime
