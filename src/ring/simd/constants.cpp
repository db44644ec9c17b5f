#include "blindsight/ring/simd/constants.h"

#include "blindsight/ring/ntt_tables.h"

namespace blindsight::ring::simd {

using Wide = unsigned __int128;

Constants constants_of(const Modulus& q) {
  return {q.value(), q.bits(), static_cast<std::uint64_t>((Wide{1} << (51 + q.bits())) / q.value()),
          static_cast<std::uint64_t>((Wide{1} << (63 + q.bits())) / q.value())};
}

Factor factor_of(std::uint64_t w, std::uint64_t q) {
  w %= q;
  const double centred = w > q / 2 ? -static_cast<double>(q - w) : static_cast<double>(w);
  return {w, static_cast<std::uint64_t>((Wide{w} << 52) / q), centred, centred / static_cast<double>(q)};
}

std::uint64_t times_power_of_two(std::uint64_t w, unsigned exponent, std::uint64_t q) {
  return static_cast<std::uint64_t>((Wide{w % q} << exponent) % q);  // w % q is below 2^50
}

std::uint64_t inverse_word(std::uint64_t q) {
  std::uint64_t inverse = q;  // right modulo 8; Newton: every step doubles the bits
  for (int i = 0; i < 5; ++i) inverse *= 2 - q * inverse;
  return inverse;
}

Factor power_of_two(unsigned exponent, std::uint64_t q) {
  return factor_of(static_cast<std::uint64_t>((Wide{1} << exponent) % q), q);
}

TableView view_of(const NttTables& tables, std::size_t n, TwiddleForm form) {
  const Modulus& q = tables.modulus();
  TableView view{};
  view.n = n;
  view.constants = constants_of(q);
  if (form == TwiddleForm::kReal) {
    view.reals = {tables.real().words.data(), tables.real().companions.data()};
  } else {
    const auto& f = form == TwiddleForm::kShoup ? tables.shoup() : tables.montgomery();
    view.integers = {f.words.data(), f.companions.data()};
  }
  const std::uint64_t scale = q.mul(tables.n_inverse(), q.reduce(tables.n() / n));
  view.scale = factor_of(scale, q.value());
  view.scaled_last = factor_of(q.mul(scale, q.neg(tables.root_of_minus_one())), q.value());
  return view;
}

SplitFactors split_factors(const NttTables& tables) {
  const Modulus& q = tables.modulus();
  const std::uint64_t half = (q.value() + 1) / 2;
  const std::uint64_t inverse_root = q.neg(tables.root_of_minus_one());
  return {constants_of(q), factor_of(half, q.value()), factor_of(q.mul(half, inverse_root), q.value())};
}

}  // namespace blindsight::ring::simd
