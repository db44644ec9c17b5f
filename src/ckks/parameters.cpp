#include "blindsight/ckks/parameters.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>

#include "blindsight/base/error.h"

namespace blindsight::ckks {

namespace {

constexpr std::size_t kMaxPrimes = 128;

double log2_of(std::span<const std::uint64_t> primes) {
  double sum = 0;
  for (std::uint64_t p : primes) sum += std::log2(static_cast<double>(p));
  return sum;
}

void check_prime(std::uint64_t p, std::size_t n) {
  const std::string name = "modulus " + std::to_string(p);
  if (p < 3 || p >> ring::kMaxPrimeBits != 0) {
    throw InvalidArgument(name + " is not a prime of at most " + std::to_string(ring::kMaxPrimeBits) + " bits");
  }
  if (p % (2 * n) != 1) throw InvalidArgument(name + " is not 1 modulo 2N = " + std::to_string(2 * n));
  if (!ring::is_prime(p)) throw InvalidArgument(name + " is not prime");
}

void check(const ParametersLiteral& literal) {
  const double limit = max_log_qp(literal.log_n);
  if (literal.q.empty()) throw InvalidArgument("the parameters name no ciphertext prime");
  if (literal.p.empty()) throw InvalidArgument("the parameters name no key-switching prime");
  if (literal.q.size() + literal.p.size() > kMaxPrimes) {
    throw InvalidArgument("more than " + std::to_string(kMaxPrimes) + " primes");
  }
  std::set<std::uint64_t> seen;
  for (const auto* list : {&literal.q, &literal.p}) {
    for (std::uint64_t p : *list) {
      check_prime(p, std::size_t{1} << literal.log_n);
      if (!seen.insert(p).second) throw InvalidArgument("modulus " + std::to_string(p) + " stands twice");
    }
  }
  if (literal.p.size() > kMaxSpecialLimbs) {
    throw InvalidArgument("more than " + std::to_string(kMaxSpecialLimbs) + " key-switching primes");
  }
  if (!literal.special_limbs.empty() && literal.special_limbs.size() != literal.q.size()) {
    throw InvalidArgument("special limbs for " + std::to_string(literal.special_limbs.size()) + " levels of " +
                          std::to_string(literal.q.size()));
  }
  for (unsigned limbs : literal.special_limbs) {
    if (limbs == 0 || limbs > literal.p.size()) {
      throw InvalidArgument("a level with " + std::to_string(limbs) + " special limbs: there are 1 to " +
                            std::to_string(literal.p.size()));
    }
  }
  const double log_qp = log2_of(literal.q) + log2_of(literal.p);
  if (log_qp > limit) {
    throw SecurityError("log2(QP) = " + std::to_string(log_qp) + " is more than the " + std::to_string(limit) +
                        " that 128-bit security allows at N = 2^" + std::to_string(literal.log_n) +
                        ": take a larger ring or fewer, smaller primes");
  }
  if (!literal.smaller.empty()) check(literal.half());
}

void write_rings(ByteWriter& out, const std::vector<SmallerRing>& rings) {
  out.u8(static_cast<std::uint8_t>(rings.size()));
  for (const SmallerRing& ring : rings) {
    out.u8(static_cast<std::uint8_t>(ring.level));
    out.u8(static_cast<std::uint8_t>(ring.special_limbs));
  }
}

Fingerprint fingerprint_of(const ParametersLiteral& literal) {
  ByteWriter out;
  out.text("blindsight ckks parameters 3");
  out.u32(literal.log_n);
  for (const auto* list : {&literal.q, &literal.p}) {
    out.u32(static_cast<std::uint32_t>(list->size()));
    for (std::uint64_t p : *list) out.u64(p);
  }
  for (unsigned level = 0; level < literal.q.size(); ++level) {
    out.u8(static_cast<std::uint8_t>(literal.special_limbs_at(level)));
  }
  write_rings(out, literal.smaller);
  Fingerprint digest;
  SHA256(out.bytes().data(), out.bytes().size(), digest.data());
  return digest;
}

}  // namespace

double max_log_qp(unsigned log_n) {
  switch (log_n) {
    case 12:
      return 106;
    case 13:
      return 214;
    case 14:
      return 430;
    case 15:
      return 868;
    case 16:
      return 1747;
    default:
      throw InvalidArgument("N = 2^" + std::to_string(log_n) +
                            ": only 2^12 to 2^16 have a place in the security table");
  }
}

ParametersLiteral ParametersLiteral::from_bits(unsigned log_n, const std::vector<unsigned>& q_bits,
                                               const std::vector<unsigned>& p_bits) {
  ParametersLiteral literal;
  literal.log_n = log_n;
  std::vector<std::uint64_t> taken;
  const auto pick = [&](unsigned bits) {
    taken.push_back(ring::find_primes(bits, std::size_t{1} << log_n, 1, taken).front());
    return taken.back();
  };
  for (unsigned bits : q_bits) literal.q.push_back(pick(bits));
  for (unsigned bits : p_bits) literal.p.push_back(pick(bits));
  return literal;
}

unsigned ParametersLiteral::special_limbs_at(unsigned level) const {
  if (level >= q.size() || (!special_limbs.empty() && level >= special_limbs.size())) {
    throw InvalidArgument("level " + std::to_string(level) + ", with " + std::to_string(q.size()) +
                          " ciphertext primes");
  }
  return special_limbs.empty() ? static_cast<unsigned>(p.size()) : special_limbs[level];
}

ParametersLiteral ParametersLiteral::half() const {
  if (smaller.empty()) throw InvalidArgument("the parameters name no smaller ring");
  const SmallerRing& ring = smaller.front();
  if (ring.level >= q.size() || ring.special_limbs == 0 || ring.special_limbs > p.size()) {
    throw InvalidArgument("a smaller ring of " + std::to_string(ring.level + 1) + " and " +
                          std::to_string(ring.special_limbs) + " primes: there are " + std::to_string(q.size()) +
                          " and " + std::to_string(p.size()));
  }
  return {log_n - 1,
          {q.begin(), q.begin() + static_cast<std::ptrdiff_t>(ring.level) + 1},
          {p.begin(), p.begin() + static_cast<std::ptrdiff_t>(ring.special_limbs)},
          {},
          {smaller.begin() + 1, smaller.end()}};
}

struct Context::IndexCache {
  std::shared_mutex mutex;
  std::map<std::uint32_t, std::vector<std::uint32_t>> by_element;
};

ContextPtr Context::create(ParametersLiteral literal) {
  check(literal);
  return ContextPtr(new Context(std::move(literal)));
}

Context::Context(ParametersLiteral literal)
    : literal_(std::move(literal)), fingerprint_(fingerprint_of(literal_)), indices_(std::make_shared<IndexCache>()) {
  std::vector<ring::Basis::Tables> q, p;
  for (std::uint64_t m : literal_.q) q.push_back(std::make_shared<ring::NttTables>(n(), ring::Modulus(m)));
  for (std::uint64_t m : literal_.p) p.push_back(std::make_shared<ring::NttTables>(n(), ring::Modulus(m)));
  p_basis_ = std::make_shared<ring::Basis>(p);
  for (std::size_t limbs = 1; limbs <= q.size(); ++limbs) {
    std::vector<ring::Basis::Tables> part(q.begin(), q.begin() + static_cast<std::ptrdiff_t>(limbs));
    q_basis_.push_back(std::make_shared<ring::Basis>(part));
    const auto specials = static_cast<std::ptrdiff_t>(special_limbs(static_cast<unsigned>(limbs) - 1));
    part.insert(part.end(), p.begin(), p.begin() + specials);
    qp_basis_.push_back(std::make_shared<ring::Basis>(std::move(part)));
  }
  std::vector<ring::Basis::Tables> all = q;
  all.insert(all.end(), p.begin(), p.end());
  full_basis_ = std::make_shared<ring::Basis>(std::move(all));
  std::vector<std::uint64_t> product(q.size(), 1), inverse(q.size());
  for (std::uint64_t m : literal_.p) {
    for (std::size_t i = 0; i < q.size(); ++i) {
      product[i] = this->q(i).mul(product[i], this->q(i).reduce(m));
      inverse[i] = this->q(i).inverse(product[i]);
    }
    p_mod_q_.push_back(product);
    p_inverse_mod_q_.push_back(inverse);
  }
  if (!literal_.smaller.empty()) smaller_ = ContextPtr(new Context(literal_.half()));
}

ContextPtr Context::in_ring(unsigned steps) const {
  ContextPtr context = shared_from_this();
  for (unsigned i = 0; i < steps && context; ++i) context = context->smaller();
  if (!context) throw InvalidArgument("the parameters name no ring " + std::to_string(steps) + " steps smaller");
  return context;
}

double Context::log_q() const { return log2_of(literal_.q); }
double Context::log_p() const { return log2_of(literal_.p); }
double Context::log_p(unsigned level) const { return log2_of(std::span(literal_.p).first(special_limbs(level))); }
double Context::log_q(unsigned level) const {
  return log2_of(std::span(literal_.q).first(std::min<std::size_t>(level + 1, literal_.q.size())));
}

std::uint32_t Context::rotation_element(int k) const {
  const auto slot_count = static_cast<long>(slots());
  auto exponent = static_cast<std::uint64_t>(((k % slot_count) + slot_count) % slot_count);
  const std::uint64_t mask = 2 * n() - 1;
  std::uint64_t result = 1;
  for (std::uint64_t base = 3; exponent != 0; exponent >>= 1, base = base * base & mask) {
    if (exponent & 1) result = result * base & mask;
  }
  return static_cast<std::uint32_t>(result);
}

std::span<const std::uint32_t> Context::automorphism_index(std::uint32_t element) const {
  {
    std::shared_lock lock(indices_->mutex);
    const auto it = indices_->by_element.find(element);
    if (it != indices_->by_element.end()) return it->second;
  }
  auto index = ring::automorphism_index(n(), element);
  std::unique_lock lock(indices_->mutex);
  return indices_->by_element.emplace(element, std::move(index)).first->second;
}

void Context::write(ByteWriter& out) const {
  out.u8(static_cast<std::uint8_t>(literal_.log_n));
  out.u8(static_cast<std::uint8_t>(literal_.q.size()));
  out.u8(static_cast<std::uint8_t>(literal_.p.size()));
  for (std::uint64_t m : literal_.q) out.u64(m);
  for (std::uint64_t m : literal_.p) out.u64(m);
  for (unsigned level = 0; level < literal_.q.size(); ++level) {
    out.u8(static_cast<std::uint8_t>(special_limbs(level)));
  }
  write_rings(out, literal_.smaller);
}

ContextPtr Context::read(ByteReader& in) {
  ParametersLiteral literal;
  literal.log_n = in.u8();
  literal.q.resize(in.u8());
  literal.p.resize(in.u8());
  for (std::uint64_t& m : literal.q) m = in.u64();
  for (std::uint64_t& m : literal.p) m = in.u64();
  literal.special_limbs.resize(literal.q.size());
  for (unsigned& limbs : literal.special_limbs) limbs = in.u8();
  const bool all = std::all_of(literal.special_limbs.begin(), literal.special_limbs.end(),
                               [&](unsigned limbs) { return limbs == literal.p.size(); });
  if (all) literal.special_limbs.clear();
  literal.smaller.resize(in.u8());
  for (SmallerRing& ring : literal.smaller) {
    ring.level = in.u8();
    ring.special_limbs = in.u8();
  }
  try {
    return create(std::move(literal));
  } catch (const InvalidArgument& error) {
    in.fail(error.what());
  }
}

namespace {

void require_same(const Fingerprint& have, const Fingerprint& given, const char* what) {
  if (have != given) {
    throw KeyMismatch(std::string(what) + " was made for other parameters: make the keys from the manifest in use");
  }
}

}  // namespace

void require_same_context(const Context& have, const Context& given, const char* what) {
  require_same(have.fingerprint(), given.fingerprint(), what);
}

void require_same_context(const Context& have, const ParametersLiteral& given, const char* what) {
  check(given);
  require_same(have.fingerprint(), fingerprint_of(given), what);
}

}  // namespace blindsight::ckks
