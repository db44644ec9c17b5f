// A program in two, where it may be given an image bit by bit.
#pragma once

#include "blindsight/compiler/program.h"

namespace blindsight::compiler {

/// `body` makes the values that the network squares last, times a share; `head` goes on from a sum of such results.
/// Both are whole programs of the same parameters: slots pass from one to the other as they are, an element each.
struct Halves {
  Program body;
  Program head;
};

/// Cuts the program before its last squares, and multiplies what the body makes by `share` (in its weights: no level is
/// spent). For a network of which all before that point is a mean over equal parts of its input, several inputs'
/// results then add up to the mean over all their parts; levels, scales and head are those of one input.
/// Throws InvalidArgument unless 0 < share <= 1, and where something behind the cut reads something else before it than
/// what is squared, or what is squared isn't a linear map's result.
Halves halve(const Program& program, double share);

}  // namespace blindsight::compiler
