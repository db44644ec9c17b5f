// What to use instead of an operator that can't be encrypted. Private to the room.
#pragma once

#include <string>

namespace blindsight::nn {

/// Whether the importer knows the operator (it may still refuse a use of it).
bool is_known_operator(const std::string& type);

/// The remedy for an operator that it does not know.
std::string operator_hint(const std::string& type);

}  // namespace blindsight::nn
