#include "blindsight/compiler/plan.h"

#include <zstd.h>

#include <cmath>

#include "blindsight/base/error.h"

namespace blindsight::compiler {

namespace {

constexpr std::size_t kMaxCard = std::size_t{1} << 20;
constexpr std::size_t kMaxLabel = std::size_t{1} << 16;
constexpr std::uint32_t kMaxInputElements = std::uint32_t{1} << 24;
constexpr int kCompression = 3;

/// What a compressed plan may grow to: its own size class, so that a small file can't take much memory.
std::uint64_t inflated_limit(std::size_t compressed) {
  return (std::uint64_t{4} << 20) + 64 * std::uint64_t{compressed};
}

struct Interface {
  unsigned input_level = 0;
  double input_scale = 1;
  std::size_t input_elements = 0, output_elements = 0;
  Layout input, output;
};

void write(ByteWriter& out, const Interface& x) {
  out.u32(x.input_level);
  out.f64(x.input_scale);
  out.u32(static_cast<std::uint32_t>(x.input_elements));
  out.u32(static_cast<std::uint32_t>(x.output_elements));
  compiler::write(out, x.input);
  compiler::write(out, x.output);
}

Interface read_interface(ByteReader& in, const ckks::Context& context) {
  Interface x;
  x.input_level = in.u32();
  if (x.input_level > context.max_level()) in.fail("input level " + std::to_string(x.input_level) + " is too high");
  x.input_scale = in.f64();
  if (!std::isfinite(x.input_scale) || x.input_scale < 1) in.fail("the input scale is no scale");
  x.input_elements = in.u32();
  x.output_elements = in.u32();
  if (x.input_elements == 0 || x.input_elements > kMaxInputElements) {
    in.fail(std::to_string(x.input_elements) + " input elements");
  }
  if (x.output_elements == 0 || x.output_elements > context.slots()) {
    in.fail(std::to_string(x.output_elements) + " output elements");
  }
  x.input = read_layout(in, context.slots(), x.input_elements);
  x.output = read_layout(in, context.slots(), x.output_elements);
  std::vector<bool> stands(x.output_elements, false);
  for (const std::int32_t e : x.output.element) {
    if (e >= 0) stands[static_cast<std::size_t>(e)] = true;
  }
  for (std::size_t e = 0; e < stands.size(); ++e) {
    if (!stands[e]) in.fail("output " + std::to_string(e) + " stands in no slot");
  }
  return x;
}

/// A bit for every slot, then the weights that are not zero.
void write_sparse(ByteWriter& out, const std::vector<double>& values) {
  std::vector<std::uint64_t> bits(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) bits[i] = values[i] != 0;
  out.packed(bits, 1);
  for (const double v : values) {
    if (v != 0) out.f64(v);
  }
}

std::vector<double> read_sparse(ByteReader& in, std::size_t slots) {
  std::vector<std::uint64_t> bits(slots);
  in.packed(bits, 1);
  std::vector<double> values(slots, 0.0);
  for (std::size_t i = 0; i < slots; ++i) {
    if (bits[i] == 0) continue;
    values[i] = in.f64();
    if (!std::isfinite(values[i]) || values[i] == 0) in.fail("a weight is zero or not finite");
  }
  return values;
}

std::vector<std::vector<double>> read_many(ByteReader& in, std::size_t slots) {
  const std::size_t count = in.count(slots / 8);
  if (count > slots) in.fail(std::to_string(count) + " vectors of slots");
  std::vector<std::vector<double>> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back(read_sparse(in, slots));
  return out;
}

void write_many(ByteWriter& out, const std::vector<std::vector<double>>& vectors) {
  out.u32(static_cast<std::uint32_t>(vectors.size()));
  for (const auto& v : vectors) write_sparse(out, v);
}

int read_rotation(ByteReader& in, std::size_t slots) {
  const auto k = static_cast<std::int32_t>(in.u32());
  if (k <= -static_cast<std::int32_t>(slots) || k >= static_cast<std::int32_t>(slots)) {
    in.fail("a rotation by " + std::to_string(k) + " slots");
  }
  return k;
}

Bytes compress(std::span<const std::uint8_t> raw) {
  Bytes out(ZSTD_compressBound(raw.size()));
  const std::size_t size = ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), kCompression);
  if (ZSTD_isError(size)) throw Error(std::string("compressing the plan: ") + ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

Bytes decompress(std::span<const std::uint8_t> packed, std::uint64_t size, const ByteReader& in) {
  Bytes raw(size);
  const std::size_t got = ZSTD_decompress(raw.data(), raw.size(), packed.data(), packed.size());
  if (ZSTD_isError(got) || got != size) in.fail("its compressed part is damaged");
  return raw;
}

}  // namespace

Manifest make_manifest(const Program& program, std::string card) {
  return {program.parameters, program.keys,           program.input_level,     program.input_scale, program.input,
          program.output,     program.input_elements, program.output_elements, std::move(card)};
}

Bytes write_manifest(const Manifest& manifest) {
  const auto context = ckks::Context::create(manifest.parameters);
  ByteWriter out;
  context->write(out);
  ckks::write(out, manifest.keys);
  write(out, Interface{manifest.input_level, manifest.input_scale, manifest.input_elements, manifest.output_elements,
                       manifest.input, manifest.output});
  out.text(manifest.card);
  return ckks::seal_file(ckks::Kind::kManifest, context->fingerprint(), out.bytes());
}

Manifest read_manifest(std::span<const std::uint8_t> file) {
  const ckks::OpenedFile opened = ckks::open_file(file, ckks::Kind::kManifest, "manifest");
  ByteReader in(opened.payload, "manifest");
  const auto context = ckks::Context::read(in);
  if (context->fingerprint() != opened.fingerprint) in.fail("its parameters are not those that its header names");
  Manifest manifest;
  manifest.parameters = context->literal();
  manifest.keys = ckks::read_key_request(in, *context);
  Interface x = read_interface(in, *context);
  manifest.input_level = x.input_level;
  manifest.input_scale = x.input_scale;
  manifest.input_elements = x.input_elements;
  manifest.output_elements = x.output_elements;
  manifest.input = std::move(x.input);
  manifest.output = std::move(x.output);
  manifest.card = in.text(kMaxCard);
  in.finish();
  return manifest;
}

Bytes write_plan(const Program& program, const std::string& card) {
  validate(program);
  const auto context = ckks::Context::create(program.parameters);
  ByteWriter body;
  write(body, Interface{program.input_level, program.input_scale, program.input_elements, program.output_elements,
                        program.input, program.output});
  body.text(card);
  body.u32(static_cast<std::uint32_t>(program.ops.size()));
  for (const Op& op : program.ops) {
    body.u8(static_cast<std::uint8_t>(op.kind));
    body.u32(op.input);
    body.u32(op.output);
    body.u32(op.operand);
    body.u32(op.level);
    body.f64(op.scale);
    body.text(op.label);
  }
  body.u32(static_cast<std::uint32_t>(program.transforms.size()));
  for (const Transform& transform : program.transforms) {
    body.f64(transform.scale);
    body.u32(static_cast<std::uint32_t>(transform.plan.terms.size()));
    for (const auto& term : transform.plan.terms) {
      body.u32(static_cast<std::uint32_t>(term.baby));
      body.u32(static_cast<std::uint32_t>(term.giant));
      body.u32(term.diagonal);
    }
    body.u32(static_cast<std::uint32_t>(transform.plan.folds.size()));
    for (const int k : transform.plan.folds) body.u32(static_cast<std::uint32_t>(k));
    write_many(body, transform.diagonals);
  }
  write_many(body, program.vectors);

  Bytes packed = compress(body.bytes());
  const bool compressed = body.bytes().size() <= inflated_limit(packed.size());
  ByteWriter out;
  context->write(out);
  out.u8(compressed ? 1 : 0);
  out.u64(body.bytes().size());
  out.raw(compressed ? packed : body.bytes());
  return ckks::seal_file(ckks::Kind::kPlan, context->fingerprint(), out.bytes());
}

Plan read_plan(std::span<const std::uint8_t> file) {
  const ckks::OpenedFile opened = ckks::open_file(file, ckks::Kind::kPlan, "plan");
  ByteReader outer(opened.payload, "plan");
  const auto context = ckks::Context::read(outer);
  if (context->fingerprint() != opened.fingerprint) outer.fail("its parameters are not those that its header names");
  const std::uint8_t compressed = outer.u8();
  const std::uint64_t size = outer.u64();
  const std::size_t left = outer.remaining();
  if (compressed > 1 || size > (compressed == 1 ? inflated_limit(left) : left)) {
    outer.fail("it claims " + std::to_string(size) + " bytes");
  }
  const std::span<const std::uint8_t> stored = outer.raw(left);
  Bytes inflated;
  if (compressed == 1) inflated = decompress(stored, size, outer);
  ByteReader in(compressed == 1 ? std::span<const std::uint8_t>(inflated) : stored, "plan");

  Plan plan;
  Program& program = plan.program;
  program.parameters = context->literal();
  Interface x = read_interface(in, *context);
  program.input_level = x.input_level;
  program.input_scale = x.input_scale;
  program.input_elements = x.input_elements;
  program.output_elements = x.output_elements;
  program.input = std::move(x.input);
  program.output = std::move(x.output);
  plan.card = in.text(kMaxCard);
  const std::size_t ops = in.count(29);
  for (std::size_t i = 0; i < ops; ++i) {
    Op op{};
    const std::uint8_t kind = in.u8();
    if (kind > static_cast<std::uint8_t>(OpKind::kDropLevel))
      in.fail("operation of unknown kind " + std::to_string(kind));
    op.kind = static_cast<OpKind>(kind);
    op.input = in.u32();
    op.output = in.u32();
    op.operand = in.u32();
    op.level = in.u32();
    op.scale = in.f64();
    op.label = in.text(kMaxLabel);
    program.ops.push_back(std::move(op));
  }
  const std::size_t slots = context->slots();
  const std::size_t transforms = in.count(20);
  for (std::size_t i = 0; i < transforms; ++i) {
    Transform transform;
    transform.scale = in.f64();
    const std::size_t terms = in.count(12);
    for (std::size_t t = 0; t < terms; ++t) {
      const int baby = read_rotation(in, slots);
      const int giant = read_rotation(in, slots);
      transform.plan.terms.push_back({baby, giant, in.u32()});
    }
    const std::size_t folds = in.count(4);
    for (std::size_t f = 0; f < folds; ++f) transform.plan.folds.push_back(read_rotation(in, slots));
    transform.diagonals = read_many(in, slots);
    program.transforms.push_back(std::move(transform));
  }
  program.vectors = read_many(in, slots);
  in.finish();
  try {
    validate(program);
  } catch (const InvalidArgument& error) {
    in.fail(error.what());
  }
  program.keys = required_keys(program);
  return plan;
}

}  // namespace blindsight::compiler
