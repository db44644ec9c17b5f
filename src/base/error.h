// The one exception hierarchy of the project. Messages name the offending value and the remedy.
#pragma once

#include <stdexcept>
#include <string>

namespace blindsight {

/// Base of everything that Blindsight throws on purpose.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

/// An argument or option that can't be used as given.
class InvalidArgument : public Error {
  using Error::Error;
};

/// Bytes from outside (a file, a message) that aren't what they claim to be.
class FormatError : public Error {
  using Error::Error;
};

/// A file that can't be read or written.
class IoError : public Error {
  using Error::Error;
};

/// Parameters that would not reach 128-bit security.
class SecurityError : public Error {
  using Error::Error;
};

/// Keys, ciphertexts or plans that don't belong together.
class KeyMismatch : public Error {
  using Error::Error;
};

/// A network that can't be evaluated on ciphertexts; names the node and what to use instead.
class UnsupportedModel : public Error {
  using Error::Error;
};

}  // namespace blindsight
