#include "blindsight/ckks/serialise.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/base/parallel.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic{'B', 'L', 'S', 'I', 'G', 'H', 'T', 0};
constexpr std::uint16_t kVersion = 8;
// Magic, version, kind, a zero byte, fingerprint, payload length.
constexpr std::size_t kHeaderBytes = 8 + 2 + 1 + 1 + 32 + 8;
constexpr std::size_t kTrailerBytes = 16;
constexpr std::size_t kMaxCiphertexts = std::size_t{1} << 20;

// A byte buffer with secrets in it.
struct WipedBytes {
  Bytes bytes;
  ~WipedBytes() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

using Checksum = std::array<std::uint8_t, kTrailerBytes>;

/// SHA-256 of what it is fed, the first half.
class Hash {
 public:
  Hash() : context_(EVP_MD_CTX_new()) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) fail();
  }
  void feed(std::span<const std::uint8_t> data) {
    if (EVP_DigestUpdate(context_.get(), data.data(), data.size()) != 1) fail();
  }
  Checksum finish() {
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest;
    if (EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1) fail();
    Checksum out;
    std::copy_n(digest.begin(), out.size(), out.begin());
    return out;
  }

 private:
  [[noreturn]] static void fail() { throw Error("OpenSSL's SHA-256 failed"); }
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

/// Pages of a mapped file that are read before they are given back.
constexpr std::size_t kReadAhead = std::size_t{16} << 20;

/// Of a file in memory, or of one that is mapped and need not stay.
Checksum checksum(std::span<const std::uint8_t> data, const MappedFile* forget) {
  Hash hash;
  for (std::size_t at = 0; at < data.size(); at += kReadAhead) {
    const auto piece = data.subspan(at, std::min(kReadAhead, data.size() - at));
    hash.feed(piece);
    if (forget != nullptr) forget->forget(piece);
  }
  return hash.finish();
}

Bytes file_header(Kind kind, const Fingerprint& fingerprint, std::uint64_t payload_bytes) {
  ByteWriter header;
  header.raw(kMagic);
  header.u16(kVersion);
  header.u8(static_cast<std::uint8_t>(kind));
  header.u8(0);
  header.raw(fingerprint);
  header.u64(payload_bytes);
  return header.take();
}

std::size_t poly_bytes(const ring::Basis& basis) { return packed_offsets(basis).back(); }

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
  return 1 + kSeedBytes + packed_key_bytes(context, level);
}

std::size_t least_key_bytes(const Context& context) {
  std::size_t least = key_bytes(context, 0);
  for (unsigned level = 1; level <= context.max_level(); ++level) least = std::min(least, key_bytes(context, level));
  return least;
}

void write_key(ByteWriter& out, const KeySwitchKey& key, const Context& context) {
  out.u8(static_cast<std::uint8_t>(key.level));
  out.raw(key.seed);
  if (key.packed) out.raw({key.packed.get(), packed_key_bytes(context, key.level)});
  for (const auto& b : key.b) write(out, b);
}

/// A key whose polynomials are still packed in a file; its length is checked, its words are not.
struct FoundKey {
  unsigned level;
  Seed seed;
  std::span<const std::uint8_t> polys;
  const Context* context;
  KeySwitchKey* into;
};

FoundKey read_packed_key(ByteReader& in, const Context& context) {
  FoundKey key{};
  key.level = read_level(in, context);
  key.seed = read_seed(in);
  key.polys = in.raw(packed_key_bytes(context, key.level));
  return key;
}

/// Throws FormatError where a word is not below its prime.
void check_words(const FoundKey& key, ByteReader& in) {
  const Context& context = *key.context;
  const ring::Basis& basis = *context.extended_basis(key.level);
  const auto offsets = packed_offsets(basis);
  constexpr std::size_t kChunk = 4096;
  static_assert(kChunk <= std::size_t{1} << kMinLogN);
  alignas(64) std::array<std::uint64_t, kChunk> words;
  for (std::size_t i = 0; i < context.digits(key.level) * basis.size(); ++i) {
    const std::size_t l = i % basis.size();
    const ring::Modulus& q = basis.modulus(l);
    const std::uint8_t* const limb = key.polys.data() + i / basis.size() * offsets.back() + offsets[l];
    for (std::size_t at = 0; at < basis.n(); at += kChunk) {
      if (!ring::kernels().unpack(words.data(), limb + packed_size(at, q.bits()), q.bits(), kChunk, q.value())) {
        in.fail("a word of limb " + std::to_string(l) + " is not below the prime " + std::to_string(q.value()));
      }
    }
  }
}

/// Where keys come from and how they are to lie in memory.
struct KeySource {
  KeyForm form = KeyForm::kExpanded;
  std::shared_ptr<const MappedFile> file;  ///< packed keys stay there; null: they are copied
};

void take(const FoundKey& found, const KeySource& source, ByteReader& in) {
  check_words(found, in);
  KeySwitchKey packed{found.level, found.seed, {}, {}, {}};
  if (source.form == KeyForm::kExpanded) {
    packed.packed = {std::shared_ptr<const void>{}, found.polys.data()};  // for a moment
    *found.into = expand(packed, *found.context);
    if (source.file) source.file->forget(found.polys);
    return;
  }
  if (source.file) {
    packed.packed = {source.file, found.polys.data()};
  } else {
    auto own = std::make_shared<ring::AlignedVector<std::uint8_t>>(found.polys.begin(), found.polys.end());
    packed.packed = {own, own->data()};
  }
  *found.into = std::move(packed);
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
    case Kind::kPartsInput:
      return "encrypted input in parts";
  }
  return "unknown kind";
}

std::optional<Kind> kind_of(std::span<const std::uint8_t> file) {
  if (file.size() < kHeaderBytes || !std::equal(kMagic.begin(), kMagic.end(), file.begin())) return std::nullopt;
  const std::uint8_t kind = file[kMagic.size() + sizeof kVersion];
  if (kind < static_cast<std::uint8_t>(Kind::kManifest) || kind > static_cast<std::uint8_t>(Kind::kPartsInput)) {
    return std::nullopt;
  }
  return static_cast<Kind>(kind);
}

Bytes seal_file(Kind kind, const Fingerprint& fingerprint, std::span<const std::uint8_t> payload) {
  const Bytes header = file_header(kind, fingerprint, payload.size());
  // Sized once: a buffer that grew would leave copies of a secret payload behind.
  Bytes file(kHeaderBytes + payload.size() + kTrailerBytes);
  auto at = std::copy(header.begin(), header.end(), file.begin());
  at = std::copy(payload.begin(), payload.end(), at);
  const auto sum = checksum(std::span(file).first(kHeaderBytes + payload.size()), nullptr);
  std::copy(sum.begin(), sum.end(), at);
  return file;
}

namespace {

OpenedFile open_file(std::span<const std::uint8_t> file, Kind kind, const std::string& what, const MappedFile* forget) {
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
  const auto expected = checksum(file.first(file.size() - kTrailerBytes), forget);
  if (!std::equal(sum.begin(), sum.end(), expected.begin())) in.fail("altered: the checksum does not match");
  return opened;
}

}  // namespace

OpenedFile open_file(std::span<const std::uint8_t> file, Kind kind, const std::string& what) {
  return open_file(file, kind, what, nullptr);
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
  const auto offsets = packed_offsets(*poly.basis());
  const auto target = out.extend(offsets.back());
  parallel_for(poly.limbs(), [&](std::size_t i) {
    pack_words(target.subspan(offsets[i], offsets[i + 1] - offsets[i]), std::span(poly.limb(i), poly.n()),
               poly.basis()->modulus(i).bits());
  });
}

ring::EvalPoly read_poly(ByteReader& in, const ring::BasisPtr& basis) {
  const auto offsets = packed_offsets(*basis);
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
  if (secret.smaller() != nullptr) write(out, *secret.smaller());
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
  std::unique_ptr<SecretKey> smaller;
  if (context->smaller()) smaller = std::make_unique<SecretKey>(read_secret_key(in, context->smaller()));
  return SecretKey(std::move(context), coefficients.values, std::move(smaller));
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
  if (keys.from_larger) {
    write_key(out, keys.from_larger->even, *keys.context);
    write_key(out, keys.from_larger->odd, *keys.context);
  }
  out.u8(static_cast<std::uint8_t>(keys.relinearisation.size()));
  for (const auto& [special_limbs, key] : keys.relinearisation) write_key(out, key, *keys.context);
  out.u32(static_cast<std::uint32_t>(keys.galois.size()));
  for (const auto& [id, key] : keys.galois) {
    out.u32(id.element);
    write_key(out, key, *keys.context);
  }
  for (const EvaluationKeys& smaller : keys.smaller) write(out, smaller);
}

namespace {

/// A ring's keys, still packed, and those of the smaller rings.
void find_keys(ByteReader& in, EvaluationKeys& keys, std::vector<FoundKey>& found) {
  const Context& context = *keys.context;
  const auto add = [&](KeySwitchKey& into, FoundKey key) {
    key.into = &into;
    key.context = &context;
    found.push_back(key);
  };
  if (keys.from_larger) {
    for (KeySwitchKey* into : {&keys.from_larger->even, &keys.from_larger->odd}) {
      const FoundKey key = read_packed_key(in, context);
      if (key.level != context.max_level()) in.fail("a key from the larger ring is not of the highest level");
      add(*into, key);
    }
  }
  const unsigned relinearisations = in.u8();
  unsigned previous = 0;
  for (unsigned i = 0; i < relinearisations; ++i) {
    const FoundKey key = read_packed_key(in, context);
    const auto special_limbs = static_cast<unsigned>(context.special_limbs(key.level));
    if (special_limbs <= previous) in.fail("the relinearisation keys are not in rising order of their special limbs");
    previous = special_limbs;
    add(keys.relinearisation[special_limbs], key);
  }
  const std::size_t count = in.count(4 + least_key_bytes(context));
  GaloisKeyId last;
  for (std::size_t i = 0; i < count; ++i) {
    GaloisKeyId id{read_galois_element(in, context), 0};
    const FoundKey key = read_packed_key(in, context);
    id.special_limbs = static_cast<unsigned>(context.special_limbs(key.level));
    if (id <= last) in.fail("the Galois keys are not in rising order of their elements and special limbs");
    last = id;
    add(keys.galois[id], key);
  }
  for (EvaluationKeys& smaller : keys.smaller) find_keys(in, smaller, found);
}

EvaluationKeys read_keys(ByteReader& in, const ContextPtr& context, const KeySource& source) {
  EvaluationKeys keys = empty_keys(context);
  std::vector<FoundKey> found;
  find_keys(in, keys, found);
  // Every length is checked: only now are the polynomials made.
  parallel_for(found.size(), [&](std::size_t i) { take(found[i], source, in); });
  return keys;
}

}  // namespace

EvaluationKeys read_evaluation_keys(ByteReader& in, ContextPtr context, KeyForm form) {
  return read_keys(in, context, {form, nullptr});
}

void write(ByteWriter& out, const KeyRequest& request) {
  write_levels(out, request.relinearisation);
  write_levels(out, request.conjugation);
  out.u32(static_cast<std::uint32_t>(request.rotations.size()));
  for (const auto& [k, levels] : request.rotations) {
    out.u32(static_cast<std::uint32_t>(k));
    write_levels(out, levels);
  }
  out.u8(static_cast<std::uint8_t>(request.smaller.size()));
  for (const KeyRequest& smaller : request.smaller) write(out, smaller);
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
  const unsigned smaller = in.u8();
  if (smaller > (context.smaller() ? 1 : 0)) in.fail("keys for a ring that the parameters don't name");
  if (smaller != 0) request.smaller.push_back(read_key_request(in, *context.smaller()));
  return request;
}

namespace {

/// What write(EvaluationKeys) comes to in one ring, without keys from a larger one.
std::size_t ring_key_bytes(const Context& context, const KeyRequest& request) {
  const KeyLevels keys = key_levels(context, request);
  std::size_t bytes = 1 + 4;
  for (const auto& [special_limbs, level] : keys.relinearisation) bytes += key_bytes(context, level);
  for (const auto& [id, level] : keys.galois) bytes += 4 + key_bytes(context, level);
  return bytes;
}

}  // namespace

std::size_t evaluation_key_bytes(const Context& context, const KeyRequest& request) {
  ByteWriter parameters;
  context.write(parameters);
  std::size_t bytes = kHeaderBytes + parameters.bytes().size() + ring_key_bytes(context, request) + kTrailerBytes;
  const KeyRequest* wanted = &request;
  for (const Context* ring = context.smaller().get(); ring != nullptr; ring = ring->smaller().get()) {
    wanted = &wanted->next();
    bytes += 2 * key_bytes(*ring, ring->max_level()) + ring_key_bytes(*ring, *wanted);
  }
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

namespace {

EvaluationKeys read_keys_file(std::span<const std::uint8_t> file, const std::string& what, const KeySource& source) {
  // What stays packed stays in memory; else it need not be there beside the keys.
  const MappedFile* const forget = source.form == KeyForm::kExpanded ? source.file.get() : nullptr;
  const OpenedFile opened = open_file(file, Kind::kEvaluationKeys, what, forget);
  ByteReader in(opened.payload, what);
  EvaluationKeys keys = read_keys(in, read_context(in, opened.fingerprint), source);
  in.finish();
  if (source.form == KeyForm::kPacked) keys.file = source.file;
  return keys;
}

}  // namespace

EvaluationKeys read_evaluation_keys_file(std::span<const std::uint8_t> file, const std::string& what, KeyForm form) {
  return read_keys_file(file, what, {form, nullptr});
}

EvaluationKeys load_evaluation_keys(const std::filesystem::path& path, KeyForm form) {
  const auto file = std::make_shared<const MappedFile>(path);
  return read_keys_file(file->bytes(), path.string(), {form, file});
}

namespace {

/// Writes what stands between keys that are made one after the other: how many of a kind follow, Galois elements.
class KeyCounts {
 public:
  KeyCounts(const Context& context, const KeyRequest& request) : context_(&context), request_(&request) { count(); }

  /// Of the ring that the last key belongs to.
  const Context& context() const { return *context_; }

  void write_before(const KeyId& id, ByteWriter& out) {
    while (ring_ < id.ring) next_ring(out);
    if (id.kind == KeyKind::kRelinearisation || id.kind == KeyKind::kGalois) write_relinearisations(out);
    if (id.kind != KeyKind::kGalois) return;
    write_galois(out);
    out.u32(id.galois.element);
  }

  void write_rest(ByteWriter& out) {
    while (context_->smaller()) next_ring(out);
    write_relinearisations(out);
    write_galois(out);
  }

 private:
  void count() {
    const KeyLevels wanted = key_levels(*context_, *request_);
    relinearisations_ = wanted.relinearisation.size();
    galois_ = wanted.galois.size();
  }
  void next_ring(ByteWriter& out) {
    write_relinearisations(out);
    write_galois(out);
    context_ = context_->smaller().get();
    request_ = &request_->next();
    ++ring_;
    count();
  }
  void write_relinearisations(ByteWriter& out) {
    if (relinearisations_) out.u8(static_cast<std::uint8_t>(*relinearisations_));
    relinearisations_.reset();
  }
  void write_galois(ByteWriter& out) {
    if (galois_) out.u32(static_cast<std::uint32_t>(*galois_));
    galois_.reset();
  }

  const Context* context_;
  const KeyRequest* request_;
  unsigned ring_ = 0;
  std::optional<std::size_t> relinearisations_, galois_;  // until they are written
};

}  // namespace

std::size_t save_new_evaluation_keys(const std::filesystem::path& path, const SecretKey& secret,
                                     const KeyRequest& request) {
  const Context& context = *secret.context();
  const std::size_t size = evaluation_key_bytes(context, request);
  FileWriter out(path);
  Hash hash;
  const auto write_piece = [&](std::span<const std::uint8_t> bytes) {
    hash.feed(bytes);
    out.write(bytes);
  };
  write_piece(file_header(Kind::kEvaluationKeys, context.fingerprint(), size - kHeaderBytes - kTrailerBytes));
  ByteWriter head;
  context.write(head);
  KeyCounts counts(context, request);
  make_evaluation_keys(secret, request, KeyForm::kPacked, [&](const KeyId& id, const KeySwitchKey& key) {
    counts.write_before(id, head);
    head.u8(static_cast<std::uint8_t>(key.level));
    head.raw(key.seed);
    write_piece(head.take());
    head = {};
    write_piece({key.packed.get(), packed_key_bytes(counts.context(), key.level)});
  });
  counts.write_rest(head);
  write_piece(head.bytes());
  out.write(hash.finish());
  out.commit();
  return size;
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
                                         const std::string& what, unsigned ring) {
  const ContextPtr own = context.in_ring(ring);
  return read_ciphertexts<Ciphertext>(ByteReader(open_file(file, Kind::kResult, context, what), what),
                                      kCiphertextHead + 2 * poly_bytes(*own->basis(0)),
                                      [&](ByteReader& in) { return read_ciphertext(in, *own); });
}

}  // namespace blindsight::ckks
