// The whole way of a vector: parameters, key, encode, encrypt, decrypt, decode.
#include <blindsight/ckks/encoder.h>
#include <blindsight/ckks/encryptor.h>

#include <cmath>
#include <cstdio>
#include <vector>

int main() {
  namespace ckks = blindsight::ckks;
  const auto context = ckks::Context::create(ckks::ParametersLiteral::from_bits(13, {40, 40}, {45}));
  const ckks::SecretKey secret(context);
  const ckks::Encoder encoder(context);
  const std::vector<double> values{1.5, -0.25, 3.0};
  const auto ciphertext = ckks::encrypt(secret, encoder.encode(values, std::ldexp(1.0, 30), 1));
  const auto back = encoder.decode(ckks::decrypt(secret, ckks::expand(*context, ciphertext)));
  for (std::size_t i = 0; i < values.size(); ++i) std::printf("%g came back as %.6f\n", values[i], back[i]);
  return std::abs(back[0] - values[0]) < 1e-4 ? 0 : 1;
}
