// Key streams of AES-256-CTR: of secret seeds (Prng, by OpenSSL) and of public ones (KeyStream).
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <optional>

#include "blindsight/base/error.h"
#include "blindsight/ckks/sampling.h"

namespace blindsight::ckks {
namespace {

constexpr std::array<std::uint8_t, 32768> kZeros{};

using Counter = std::array<std::uint8_t, 16>;

/// The 128-bit counter starts at (stream, 0): streams can't meet before 2^64 blocks.
Counter first_counter(std::uint64_t stream) {
  Counter counter{};
  for (std::size_t i = 0; i < 8; ++i) counter[i] = static_cast<std::uint8_t>(stream >> (56 - 8 * i));
  return counter;
}

/// Looked up once: OpenSSL 3 takes microseconds for it.
const EVP_CIPHER* cipher() {
  static const EVP_CIPHER* const fetched = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
  return fetched;
}

}  // namespace

struct Prng::State {
  EVP_CIPHER_CTX* cipher = EVP_CIPHER_CTX_new();
  ~State() { EVP_CIPHER_CTX_free(cipher); }
};

Prng::Prng(const Seed& seed, std::uint64_t stream) : state_(std::make_unique<State>()) {
  if (!state_->cipher || !cipher() ||
      EVP_EncryptInit_ex2(state_->cipher, cipher(), seed.data(), first_counter(stream).data(), nullptr) != 1) {
    throw Error("OpenSSL can't start AES-256-CTR");
  }
}

Prng::~Prng() = default;  // EVP_CIPHER_CTX_free wipes the key schedule

void Prng::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const std::size_t size = std::min(out.size(), kZeros.size());
    int written = 0;
    if (EVP_EncryptUpdate(state_->cipher, out.data(), &written, kZeros.data(), static_cast<int>(size)) != 1) {
      throw Error("OpenSSL's AES-256-CTR failed");
    }
    out = out.subspan(size);
  }
}

}  // namespace blindsight::ckks

#ifdef BLINDSIGHT_X86

#include <intel-ipsec-mb.h>

namespace blindsight::ckks {
namespace {

constexpr std::size_t kBlock = std::tuple_size_v<Counter>;

/// The library's tables of functions for this processor; one a thread, as it asks for.
IMB_MGR* manager() {
  struct Free {
    void operator()(IMB_MGR* m) const { free_mb_mgr(m); }
  };
  thread_local const std::unique_ptr<IMB_MGR, Free> own = [] {
    std::unique_ptr<IMB_MGR, Free> made(alloc_mb_mgr(0));
    if (made) init_mb_mgr_auto(made.get(), nullptr);
    if (!made || imb_get_errno(made.get()) != 0) throw Error("the IPsec library can't start on this processor");
    return made;
  }();
  return own.get();
}

}  // namespace

struct KeyStream::State {
  alignas(16) std::array<std::uint8_t, 15 * kBlock> round_keys;
  Counter counter;                          // of the next block
  std::array<std::uint8_t, kBlock> last{};  // its end is yet to be handed out
  std::size_t left = 0;                     // bytes of it

  /// Whole blocks, fewer than 2^32 in all: the library counts in the last four bytes.
  void blocks(std::uint8_t* out, std::size_t size) {
    IMB_JOB job{};
    job.cipher_direction = IMB_DIR_ENCRYPT;
    job.chain_order = IMB_ORDER_CIPHER_HASH;
    job.cipher_mode = IMB_CIPHER_CNTR;
    job.hash_alg = IMB_AUTH_NULL;
    job.enc_keys = job.dec_keys = round_keys.data();
    job.key_len_in_bytes = IMB_KEY_256_BYTES;
    job.iv = counter.data();
    job.iv_len_in_bytes = counter.size();
    job.src = kZeros.data();
    job.dst = out;
    job.msg_len_to_cipher_in_bytes = size;
    if (IMB_SUBMIT_CIPHER_BURST(manager(), &job, 1, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, IMB_KEY_256_BYTES) != 1) {
      throw Error("the IPsec library's AES-256-CTR failed");
    }
    std::size_t carry = size / kBlock;
    for (std::size_t i = kBlock; carry != 0 && i-- > 0; carry >>= 8) {
      carry += counter[i];
      counter[i] = static_cast<std::uint8_t>(carry);
    }
  }
};

void KeyStream::seek(std::uint64_t stream) {
  state_->counter = first_counter(stream);
  state_->left = 0;
}

KeyStream::KeyStream(const Seed& seed, std::uint64_t stream) : state_(std::make_unique<State>()) {
  seek(stream);
  alignas(16) std::array<std::uint8_t, 15 * kBlock> unused;
  IMB_AES_KEYEXP_256(manager(), seed.data(), state_->round_keys.data(), unused.data());
}

void KeyStream::fill(std::span<std::uint8_t> out) {
  State& s = *state_;
  const auto hand_out = [&] {
    const std::size_t size = std::min(s.left, out.size());
    std::copy_n(s.last.end() - static_cast<std::ptrdiff_t>(s.left), size, out.begin());
    s.left -= size;
    out = out.subspan(size);
  };
  hand_out();
  while (out.size() >= kBlock) {
    const std::size_t size = std::min(out.size() / kBlock * kBlock, kZeros.size());
    s.blocks(out.data(), size);
    out = out.subspan(size);
  }
  if (out.empty()) return;
  s.blocks(s.last.data(), kBlock);
  s.left = kBlock;
  hand_out();
}

}  // namespace blindsight::ckks

#else

namespace blindsight::ckks {

struct KeyStream::State {
  Seed seed;
  std::optional<Prng> prng;
};

KeyStream::KeyStream(const Seed& seed, std::uint64_t stream) : state_(new State{seed, std::nullopt}) { seek(stream); }

void KeyStream::seek(std::uint64_t stream) { state_->prng.emplace(state_->seed, stream); }

void KeyStream::fill(std::span<std::uint8_t> out) { state_->prng->fill(out); }

}  // namespace blindsight::ckks

#endif

namespace blindsight::ckks {
KeyStream::~KeyStream() = default;
}  // namespace blindsight::ckks
