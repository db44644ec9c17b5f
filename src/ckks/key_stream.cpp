// Key streams of public seeds.
#include <algorithm>
#include <array>

#include "blindsight/base/error.h"
#include "blindsight/ckks/sampling.h"

#ifdef BLINDSIGHT_X86

#include <intel-ipsec-mb.h>

namespace blindsight::ckks {
namespace {

constexpr std::size_t kBlock = 16;
constexpr std::array<std::uint8_t, 32768> kZeros{};

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
  std::array<std::uint8_t, kBlock> counter{};  // of the next block
  std::array<std::uint8_t, kBlock> last{};     // its end is yet to be handed out
  std::size_t left = 0;                        // bytes of it

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

KeyStream::KeyStream(const Seed& seed, std::uint64_t stream) : state_(std::make_unique<State>()) {
  for (std::size_t i = 0; i < 8; ++i) state_->counter[i] = static_cast<std::uint8_t>(stream >> (56 - 8 * i));
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
  Prng prng;
};

KeyStream::KeyStream(const Seed& seed, std::uint64_t stream) : state_(new State{Prng(seed, stream)}) {}

void KeyStream::fill(std::span<std::uint8_t> out) { state_->prng.fill(out); }

}  // namespace blindsight::ckks

#endif

namespace blindsight::ckks {
KeyStream::~KeyStream() = default;
}  // namespace blindsight::ckks
