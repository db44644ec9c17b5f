#include "blindsight/ckks/serialise.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"

namespace blindsight::ckks {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic{'B', 'L', 'S', 'I', 'G', 'H', 'T', 0};
constexpr std::uint16_t kVersion = 2;
// Magic, version, kind, a zero byte, fingerprint, payload length.
constexpr std::size_t kHeaderBytes = 8 + 2 + 1 + 1 + 32 + 8;
constexpr std::size_t kTrailerBytes = 16;
constexpr std::size_t kMaxCiphertexts = std::size_t{1} << 20;

// A byte buffer with secrets in it.
struct WipedBytes {
  Bytes bytes;
  ~WipedBytes() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

std::array<std::uint8_t, kTrailerBytes> checksum(std::span<const std::uint8_t> data) {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256(data.data(), data.size(), digest.data());
  std::array<std::uint8_t, kTrailerBytes> out;
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

std::size_t poly_bytes(const ring::Basis& basis) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < basis.size(); ++i) bytes += packed_size(basis.n(), basis.modulus(i).bits());
  return bytes;
}

// Where every limb starts among the packed bytes, and the end of the last.
std::vector<std::size_t> limb_offsets(const ring::Basis& basis) {
  std::vector<std::size_t> offsets{0};
  for (std::size_t i = 0; i < basis.size(); ++i) {
    offsets.push_back(offsets.back() + packed_size(basis.n(), basis.modulus(i).bits()));
  }
  return offsets;
}

unsigned read_level(ByteReader& in, const Context& context) {
  const unsigned level = in.u8();
  if (level > context.max_level()) {
    in.fail("level " + std::to_string(level) + ", above the highest, " + std::to_string(context.max_level()));
  }
  return level;
}

double read_scale(ByteReader& in) {
  const double scale = in.f64();
  if (!std::isfinite(scale) || scale <= 0) in.fail("a scale of " + std::to_string(scale));
  return scale;
}

Seed read_seed(ByteReader& in) {
  Seed seed;
  const auto raw = in.raw(seed.size());
  std::copy(raw.begin(), raw.end(), seed.begin());
  return seed;
}

// Bytes of a ciphertext besides its polynomials: level and scale.
constexpr std::size_t kCiphertextHead = 1 + 8;
constexpr std::size_t kSeedBytes = 32;

std::size_t key_bytes(const Context& context, unsigned level) {
  return 1 + kSeedBytes + context.digits(level) * poly_bytes(*context.extended_basis(level));
}

std::size_t least_key_bytes(const Context& context) {
  std::size_t least = key_bytes(context, 0);
  for (unsigned level = 1; level <= context.max_level(); ++level) least = std::min(least, key_bytes(context, level));
  return least;
}

void write_key(ByteWriter& out, const KeySwitchKey& key) {
  out.u8(static_cast<std::uint8_t>(key.level));
  out.raw(key.seed);
  for (const auto& b : key.b) write(out, b);
}

// A key whose polynomials are still packed; its length is checked.
struct PackedKey {
  unsigned level;
  Seed seed;
  std::span<const std::uint8_t> polys;
  KeySwitchKey* into;
};

PackedKey read_packed_key(ByteReader& in, const Context& context) {
  PackedKey key{};
  key.level = read_level(in, context);
  key.seed = read_seed(in);
  key.polys = in.raw(context.digits(key.level) * poly_bytes(*context.extended_basis(key.level)));
  return key;
}

void unpack(const PackedKey& packed, const Context& context) {
  const auto& basis = context.extended_basis(packed.level);
  ByteReader in(packed.polys, "evaluation keys");
  KeySwitchKey& key = *packed.into;
  key.level = packed.level;
  key.seed = packed.seed;
  for (std::size_t i = 0; i < context.digits(packed.level); ++i) {
    key.b.push_back(read_poly(in, basis));
    key.a.push_back(sample_uniform(basis, packed.seed, i));
  }
  in.finish();
}

// Galois elements are odd, below 2N, and never 1 (which needs no key).
std::uint32_t read_galois_element(ByteReader& in, const Context& context) {
  const std::uint32_t element = in.u32();
  if (element % 2 == 0 || element >= 2 * context.n() || element == 1) {
    in.fail(std::to_string(element) + " is not a Galois element of this ring that needs a key");
  }
  return element;
}

void write_levels(ByteWriter& out, const KeyRequest::Levels& levels) {
  out.u8(static_cast<std::uint8_t>(levels.size()));
  for (const auto& [special_limbs, level] : levels) out.u8(static_cast<std::uint8_t>(level));
}

KeyRequest::Levels read_levels(ByteReader& in, const Context& context) {
  KeyRequest::Levels levels;
  const unsigned count = in.u8();
  unsigned previous = 0;
  for (unsigned i = 0; i < count; ++i) {
    const unsigned level = read_level(in, context);
    const auto special_limbs = static_cast<unsigned>(context.special_limbs(level));
    if (special_limbs <= previous) in.fail("the levels of a key are not in rising order of their special limbs");
    previous = special_limbs;
    levels.emplace_hint(levels.end(), special_limbs, level);
  }
  return levels;
}

template <typename Item, typename WriteItem>
Bytes write_ciphertexts(Kind kind, const Context& context, std::span<const Item> items, WriteItem&& write_item) {
  if (items.empty() || items.size() > kMaxCiphertexts) {
    throw InvalidArgument("a file holds 1 to " + std::to_string(kMaxCiphertexts) + " ciphertexts, not " +
                          std::to_string(items.size()));
  }
  ByteWriter out;
  out.u32(static_cast<std::uint32_t>(items.size()));
  for (const auto& item : items) write_item(out, item);
  return seal_file(kind, context.fingerprint(), out.bytes());
}

template <typename Item, typename ReadItem>
std::vector<Item> read_ciphertexts(ByteReader in, std::size_t least_bytes, ReadItem&& read_item) {
  const std::size_t count = in.count(least_bytes);
  if (count == 0 || count > kMaxCiphertexts) in.fail(std::to_string(count) + " ciphertexts");
  std::vector<Item> items;
  items.reserve(count);
  for (std::size_t i = 0; i < count; ++i) items.push_back(read_item(in));
  in.finish();
  return items;
}

// The parameters that a key file starts with; they must be the ones that its header names.
ContextPtr read_context(ByteReader& in, const Fingerprint& fingerprint) {
  ContextPtr context = Context::read(in);
  if (context->fingerprint() != fingerprint) in.fail("its parameters are not the ones that its header names");
  return context;
}

}  // namespace

const char* name(Kind kind) {
  switch (kind) {
    case Kind::kManifest:
      return "manifest";
    case Kind::kPlan:
      return "plan";
    case Kind::kSecretKey:
      return "secret key";
    case Kind::kEvaluationKeys:
      return "evaluation keys";
    case Kind::kInput:
      return "encrypted input";
    case Kind::kResult:
      return "encrypted result";
    case Kind::kPublicKey:
      return "public key";
  }
  return "unknown kind";
}

Bytes seal_file(Kind kind, const Fingerprint& fingerprint, std::span<const std::uint8_t> payload) {
  ByteWriter header;
  header.raw(kMagic);
  header.u16(kVersion);
  header.u8(static_cast<std::uint8_t>(kind));
  header.u8(0);
  header.raw(fingerprint);
  header.u64(payload.size());
  // Sized once: a buffer that grew would leave copies of a secret payload behind.
  Bytes file(kHeaderBytes + payload.size() + kTrailerBytes);
  auto at = std::copy(header.bytes().begin(), header.bytes().end(), file.begin());
  at = std::copy(payload.begin(), payload.end(), at);
  const auto sum = checksum(std::span(file).first(kHeaderBytes + payload.size()));
  std::copy(sum.begin(), sum.end(), at);
  return file;
}

OpenedFile open_file(std::span<const std::uint8_t> file, Kind kind, const std::string& what) {
  ByteReader in(file, what);
  const std::size_t shown = std::min(file.size(), kMagic.size());
  if (shown == 0) in.fail("empty");
  if (!std::equal(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(shown), kMagic.begin())) {
    in.fail("not a Blindsight file");
  }
  in.raw(kMagic.size());
  const unsigned version = in.u16();
  if (version != kVersion) {
    in.fail("format version " + std::to_string(version) + "; this program reads version " + std::to_string(kVersion));
  }
  const unsigned found = in.u8();
  if (found != static_cast<unsigned>(kind)) {
    in.fail(std::string("holds a file of kind '") + name(static_cast<Kind>(found)) + "' (" + std::to_string(found) +
            "), expected '" + name(kind) + "'");
  }
  if (in.u8() != 0) in.fail("altered: the reserved byte of the header is not 0");
  OpenedFile opened{};
  const auto fingerprint = in.raw(opened.fingerprint.size());
  std::copy(fingerprint.begin(), fingerprint.end(), opened.fingerprint.begin());
  const std::uint64_t length = in.u64();
  if (in.remaining() < kTrailerBytes || length > in.remaining() - kTrailerBytes) {
    in.fail("truncated: its header announces " + std::to_string(length) + " bytes, " + std::to_string(in.remaining()) +
            " are left");
  }
  opened.payload = in.raw(static_cast<std::size_t>(length));
  const auto sum = in.raw(kTrailerBytes);
  in.finish();
  const auto expected = checksum(file.first(file.size() - kTrailerBytes));
  if (!std::equal(sum.begin(), sum.end(), expected.begin())) in.fail("altered: the checksum does not match");
  return opened;
}

std::span<const std::uint8_t> open_file(std::span<const std::uint8_t> file, Kind kind, const Context& context,
                                        const std::string& what) {
  const OpenedFile opened = open_file(file, kind, what);
  if (opened.fingerprint != context.fingerprint()) {
    throw KeyMismatch(what + ": made with other parameters; make the keys and ciphertexts from the same manifest");
  }
  return opened.payload;
}

void write(ByteWriter& out, const ring::EvalPoly& poly) {
  const auto offsets = limb_offsets(*poly.basis());
  const auto target = out.extend(offsets.back());
  parallel_for(poly.limbs(), [&](std::size_t i) {
    pack_words(target.subspan(offsets[i], offsets[i + 1] - offsets[i]), std::span(poly.limb(i), poly.n()),
               poly.basis()->modulus(i).bits());
  });
}

ring::EvalPoly read_poly(ByteReader& in, const ring::BasisPtr& basis) {
  const auto offsets = limb_offsets(*basis);
  const auto source = in.raw(offsets.back());
  ring::EvalPoly poly = ring::EvalPoly::uninitialised(basis);
  parallel_for(basis->size(), [&](std::size_t i) {
    const ring::Modulus& q = basis->modulus(i);
    const std::span words(poly.limb(i), poly.n());
    unpack_words(words, source.subspan(offsets[i], offsets[i + 1] - offsets[i]), q.bits());
    std::uint64_t largest = 0;
    for (const std::uint64_t w : words) largest = std::max(largest, w);
    if (largest >= q.value()) {
      in.fail("a word of limb " + std::to_string(i) + " is not below the prime " + std::to_string(q.value()));
    }
  });
  return poly;
}

void write(ByteWriter& out, const SeededCiphertext& ciphertext) {
  out.u8(static_cast<std::uint8_t>(ciphertext.level()));
  out.f64(ciphertext.scale);
  out.raw(ciphertext.seed);
  write(out, ciphertext.body);
}

SeededCiphertext read_seeded(ByteReader& in, const Context& context) {
  SeededCiphertext ciphertext;
  const unsigned level = read_level(in, context);
  ciphertext.scale = read_scale(in);
  ciphertext.seed = read_seed(in);
  ciphertext.body = read_poly(in, context.basis(level));
  return ciphertext;
}

void write(ByteWriter& out, const Ciphertext& ciphertext) {
  if (ciphertext.parts.size() != 2) {
    throw InvalidArgument("a ciphertext of " + std::to_string(ciphertext.parts.size()) +
                          " parts can't be written: relinearise it first");
  }
  out.u8(static_cast<std::uint8_t>(ciphertext.level()));
  out.f64(ciphertext.scale);
  for (const auto& part : ciphertext.parts) write(out, part);
}

Ciphertext read_ciphertext(ByteReader& in, const Context& context) {
  Ciphertext ciphertext;
  const unsigned level = read_level(in, context);
  ciphertext.scale = read_scale(in);
  for (int i = 0; i < 2; ++i) ciphertext.parts.push_back(read_poly(in, context.basis(level)));
  return ciphertext;
}

void write(ByteWriter& out, const SecretKey& secret) {
  auto coefficients = secret.coefficients();
  WipedBytes packed{Bytes(coefficients.size() / 4)};
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    const unsigned code = coefficients[i] < 0 ? 2u : static_cast<unsigned>(coefficients[i]);
    packed.bytes[i / 4] = static_cast<std::uint8_t>(packed.bytes[i / 4] | (code << (2 * (i % 4))));
  }
  OPENSSL_cleanse(coefficients.data(), coefficients.size());
  out.raw(packed.bytes);
}

SecretKey read_secret_key(ByteReader& in, ContextPtr context) {
  const auto packed = in.raw(context->n() / 4);
  struct Coefficients {
    std::vector<std::int8_t> values;
    ~Coefficients() { OPENSSL_cleanse(values.data(), values.size()); }
  } coefficients{std::vector<std::int8_t>(context->n())};
  for (std::size_t i = 0; i < context->n(); ++i) {
    const unsigned code = (packed[i / 4] >> (2 * (i % 4))) & 3u;
    if (code == 3) in.fail("a coefficient of the secret is none of -1, 0, 1");
    coefficients.values[i] = static_cast<std::int8_t>(code == 2 ? -1 : static_cast<int>(code));
  }
  return SecretKey(std::move(context), coefficients.values);
}

void write(ByteWriter& out, const PublicKey& key) {
  out.raw(key.seed);
  write(out, key.b);
}

PublicKey read_public_key(ByteReader& in, const Context& context) {
  PublicKey key;
  key.seed = read_seed(in);
  key.b = read_poly(in, context.basis(context.max_level()));
  return key;
}

void write(ByteWriter& out, const EvaluationKeys& keys) {
  out.u8(static_cast<std::uint8_t>(keys.relinearisation.size()));
  for (const auto& [special_limbs, key] : keys.relinearisation) write_key(out, key);
  out.u32(static_cast<std::uint32_t>(keys.galois.size()));
  for (const auto& [id, key] : keys.galois) {
    out.u32(id.element);
    write_key(out, key);
  }
}

EvaluationKeys read_evaluation_keys(ByteReader& in, ContextPtr context) {
  EvaluationKeys keys;
  keys.context = std::move(context);
  std::vector<PackedKey> packed;
  const unsigned relinearisations = in.u8();
  unsigned previous = 0;
  for (unsigned i = 0; i < relinearisations; ++i) {
    PackedKey key = read_packed_key(in, *keys.context);
    const auto special_limbs = static_cast<unsigned>(keys.context->special_limbs(key.level));
    if (special_limbs <= previous) in.fail("the relinearisation keys are not in rising order of their special limbs");
    previous = special_limbs;
    key.into = &keys.relinearisation[special_limbs];
    packed.push_back(key);
  }
  const std::size_t count = in.count(4 + least_key_bytes(*keys.context));
  GaloisKeyId last;
  for (std::size_t i = 0; i < count; ++i) {
    GaloisKeyId id{read_galois_element(in, *keys.context), 0};
    PackedKey key = read_packed_key(in, *keys.context);
    id.special_limbs = static_cast<unsigned>(keys.context->special_limbs(key.level));
    if (id <= last) in.fail("the Galois keys are not in rising order of their elements and special limbs");
    last = id;
    key.into = &keys.galois[id];
    packed.push_back(key);
  }
  // Every length is checked: only now are the polynomials made.
  parallel_for(packed.size(), [&](std::size_t i) { unpack(packed[i], *keys.context); });
  return keys;
}

void write(ByteWriter& out, const KeyRequest& request) {
  write_levels(out, request.relinearisation);
  write_levels(out, request.conjugation);
  out.u32(static_cast<std::uint32_t>(request.rotations.size()));
  for (const auto& [k, levels] : request.rotations) {
    out.u32(static_cast<std::uint32_t>(k));
    write_levels(out, levels);
  }
}

KeyRequest read_key_request(ByteReader& in, const Context& context) {
  KeyRequest request;
  request.relinearisation = read_levels(in, context);
  request.conjugation = read_levels(in, context);
  const std::size_t count = in.count(4 + 1 + 1);
  const auto slots = static_cast<std::int64_t>(context.slots());
  std::int64_t previous = -slots;
  for (std::size_t i = 0; i < count; ++i) {
    const auto k = static_cast<std::int32_t>(in.u32());
    if (k == 0 || k <= -slots || k >= slots) in.fail("a rotation by " + std::to_string(k) + " slots");
    if (k <= previous) in.fail("the rotations are not in rising order");
    previous = k;
    auto levels = read_levels(in, context);
    if (levels.empty()) in.fail("a rotation by " + std::to_string(k) + " slots without a level");
    request.rotations.emplace_hint(request.rotations.end(), k, std::move(levels));
  }
  return request;
}

std::size_t evaluation_key_bytes(const Context& context, const KeyRequest& request) {
  const KeyLevels keys = key_levels(context, request);
  ByteWriter parameters;
  context.write(parameters);
  std::size_t bytes = kHeaderBytes + parameters.bytes().size() + 1 + 4 + kTrailerBytes;
  for (const auto& [special_limbs, level] : keys.relinearisation) bytes += key_bytes(context, level);
  for (const auto& [id, level] : keys.galois) bytes += 4 + key_bytes(context, level);
  return bytes;
}

Bytes write_secret_key_file(const SecretKey& secret) {
  ByteWriter out;
  secret.context()->write(out);
  write(out, secret);
  const WipedBytes payload{out.take()};
  return seal_file(Kind::kSecretKey, secret.context()->fingerprint(), payload.bytes);
}

SecretKey read_secret_key_file(std::span<const std::uint8_t> file, const std::string& what) {
  const OpenedFile opened = open_file(file, Kind::kSecretKey, what);
  ByteReader in(opened.payload, what);
  SecretKey secret = read_secret_key(in, read_context(in, opened.fingerprint));
  in.finish();
  return secret;
}

Bytes write_evaluation_keys_file(const EvaluationKeys& keys) {
  ByteWriter out;
  keys.context->write(out);
  write(out, keys);
  return seal_file(Kind::kEvaluationKeys, keys.context->fingerprint(), out.bytes());
}

EvaluationKeys read_evaluation_keys_file(std::span<const std::uint8_t> file, const std::string& what) {
  const OpenedFile opened = open_file(file, Kind::kEvaluationKeys, what);
  ByteReader in(opened.payload, what);
  EvaluationKeys keys = read_evaluation_keys(in, read_context(in, opened.fingerprint));
  in.finish();
  return keys;
}

Bytes write_input_file(const Context& context, std::span<const SeededCiphertext> inputs) {
  return write_ciphertexts(Kind::kInput, context, inputs,
                           [](ByteWriter& out, const SeededCiphertext& item) { write(out, item); });
}

std::vector<SeededCiphertext> read_input_file(std::span<const std::uint8_t> file, const Context& context,
                                              const std::string& what) {
  return read_ciphertexts<SeededCiphertext>(ByteReader(open_file(file, Kind::kInput, context, what), what),
                                            kCiphertextHead + kSeedBytes + poly_bytes(*context.basis(0)),
                                            [&](ByteReader& in) { return read_seeded(in, context); });
}

Bytes write_result_file(const Context& context, std::span<const Ciphertext> results) {
  return write_ciphertexts(Kind::kResult, context, results,
                           [](ByteWriter& out, const Ciphertext& item) { write(out, item); });
}

std::vector<Ciphertext> read_result_file(std::span<const std::uint8_t> file, const Context& context,
                                         const std::string& what) {
  return read_ciphertexts<Ciphertext>(ByteReader(open_file(file, Kind::kResult, context, what), what),
                                      kCiphertextHead + 2 * poly_bytes(*context.basis(0)),
                                      [&](ByteReader& in) { return read_ciphertext(in, context); });
}

}  // namespace blindsight::ckks
