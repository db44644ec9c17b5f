#include "blindsight/vision/checksum.h"

#include <openssl/evp.h>

#include <array>

#include "blindsight/base/error.h"

namespace blindsight::vision {
namespace {

std::string digest_hex(const EVP_MD* digest, std::span<const std::uint8_t> data) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> value{};
  unsigned size = 0;
  if (EVP_Digest(data.data(), data.size(), value.data(), &size, digest, nullptr) != 1) {
    throw Error("OpenSSL can't compute a checksum");
  }
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += kDigits[value[i] >> 4];
    out += kDigits[value[i] & 15];
  }
  return out;
}

}  // namespace

std::string sha256_hex(std::span<const std::uint8_t> data) { return digest_hex(EVP_sha256(), data); }

std::string md5_hex(std::span<const std::uint8_t> data) { return digest_hex(EVP_md5(), data); }

}  // namespace blindsight::vision
