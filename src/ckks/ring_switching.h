// From a ring to the one of half the degree (Gentry, Halevi, Peikert, Smart 2012, "Field switching in BGV-style
// homomorphic encryption").
#pragma once

#include "blindsight/ckks/parameters.h"

namespace blindsight::ckks {

/// a(X) = even(X²) + X·odd(X²), as elements of the smaller ring in Y = X².
struct Halves {
  ring::EvalPoly even, shifted_odd;  ///< even(Y) and Y·odd(Y)
};

/// `a` over Q_level of a ring of twice the degree of `smaller`, level at most that ring's highest. Throws
/// InvalidArgument otherwise.
Halves split(const ring::EvalPoly& a, const Context& smaller);
/// split(a).even alone.
ring::EvalPoly even_half(const ring::EvalPoly& a, const Context& smaller);

}  // namespace blindsight::ckks
