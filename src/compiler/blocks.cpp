#include "blindsight/compiler/blocks.h"

#include <zstd.h>

#include <algorithm>

#include <string>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"

namespace blindsight::compiler {

namespace {

constexpr int kCompression = 3;
constexpr std::size_t kSizeBytes = 16;  // of one entry in the table of sizes

/// What pieces may grow to: their own size class.
std::uint64_t inflated_limit(std::uint64_t stored) { return (std::uint64_t{4} << 20) + 64 * stored; }

Bytes compress(const Bytes& raw) {
  Bytes out(ZSTD_compressBound(raw.size()));
  const std::size_t size = ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), kCompression);
  if (ZSTD_isError(size)) throw Error(std::string("compressing the plan: ") + ZSTD_getErrorName(size));
  out.resize(size);
  out.shrink_to_fit();
  return out;
}

}  // namespace

void write_blocks(ByteWriter& out, std::span<const Bytes> blocks) {
  std::vector<Bytes> packed(blocks.size());
  parallel_for(blocks.size(), [&](std::size_t i) { packed[i] = compress(blocks[i]); });
  std::vector<const Bytes*> stored;
  std::uint64_t inflated_total = 0, stored_total = 0;
  out.u32(static_cast<std::uint32_t>(blocks.size()));
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    inflated_total += blocks[i].size();
    const bool shorter = packed[i].size() < blocks[i].size();
    const bool allowed = inflated_total <= inflated_limit(stored_total + packed[i].size());
    stored.push_back(shorter && allowed ? &packed[i] : &blocks[i]);
    stored_total += stored.back()->size();
    out.u64(blocks[i].size());
    out.u64(stored.back()->size());
  }
  for (const Bytes* bytes : stored) out.raw(*bytes);
}

std::vector<PackedBlock> read_blocks(ByteReader& in) {
  const std::size_t count = in.count(kSizeBytes);
  std::vector<std::uint64_t> stored_sizes;
  std::vector<PackedBlock> blocks(count);
  std::uint64_t inflated_total = 0, stored_total = 0;
  for (PackedBlock& block : blocks) {
    block.size = in.u64();
    const std::uint64_t stored = in.u64();
    const std::uint64_t left = in.remaining();  // no overflow below: every sum stays within a small multiple of it
    if (stored > left - std::min(left, stored_total) || stored > block.size ||
        block.size > inflated_limit(stored_total + stored)) {
      in.fail("a piece claims " + std::to_string(block.size) + " bytes from " + std::to_string(stored));
    }
    stored_total += stored;
    inflated_total += block.size;
    if (inflated_total > inflated_limit(stored_total)) {
      in.fail("its pieces claim " + std::to_string(inflated_total) + " bytes from " + std::to_string(stored_total));
    }
    stored_sizes.push_back(stored);
  }
  for (std::size_t i = 0; i < count; ++i) blocks[i].stored = in.raw(stored_sizes[i]);
  in.finish();
  return blocks;
}

Bytes inflate(const PackedBlock& block, const char* what) {
  if (block.stored.size() == block.size) return {block.stored.begin(), block.stored.end()};
  Bytes raw(block.size);
  const std::size_t got = ZSTD_decompress(raw.data(), raw.size(), block.stored.data(), block.stored.size());
  if (ZSTD_isError(got) || got != raw.size()) throw FormatError(std::string(what) + ": a compressed piece is damaged");
  return raw;
}

}  // namespace blindsight::compiler
