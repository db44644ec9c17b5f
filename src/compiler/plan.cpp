#include "blindsight/compiler/plan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/compiler/blocks.h"

namespace blindsight::compiler {

namespace {

constexpr std::size_t kMaxCard = std::size_t{1} << 20;
constexpr std::size_t kMaxLabel = std::size_t{1} << 16;
constexpr std::uint32_t kMaxInputElements = std::uint32_t{1} << 24;
/// Diagonals are gathered into pieces of about this size.
constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
/// Least size of a stored diagonal: log2 of the period, size of the table, one value.
constexpr std::size_t kLeastDiagonal = 1 + 2 + 8;

struct Interface {
  unsigned input_level = 0;
  double input_scale = 1;
  std::size_t input_elements = 0, output_elements = 0;
  Layout input, output;
  unsigned output_ring = 0;
  double output_bound = std::numeric_limits<double>::max();
};

template <typename Whole>
Interface interface_of(const Whole& x) {
  return {x.input_level, x.input_scale, x.input_elements, x.output_elements,
          x.input,       x.output,      x.output_ring,    x.output_bound};
}

template <typename Whole>
void set_interface(Whole& whole, Interface x) {
  whole.input_level = x.input_level;
  whole.input_scale = x.input_scale;
  whole.input_elements = x.input_elements;
  whole.output_elements = x.output_elements;
  whole.input = std::move(x.input);
  whole.output = std::move(x.output);
  whole.output_ring = x.output_ring;
  whole.output_bound = x.output_bound;
}

void write(ByteWriter& out, const Interface& x, std::size_t slots) {
  const auto write_layout = [&](std::size_t elements, const Layout& layout, std::size_t slots_of_one) {
    out.u32(static_cast<std::uint32_t>(elements));
    out.u32(static_cast<std::uint32_t>(layout.element.size() / slots_of_one));
    compiler::write(out, layout);
  };
  out.u32(x.input_level);
  out.f64(x.input_scale);
  write_layout(x.input_elements, x.input, slots);
  out.u8(static_cast<std::uint8_t>(x.output_ring));
  write_layout(x.output_elements, x.output, slots >> x.output_ring);
  out.f64(x.output_bound);
}

Layout read_ciphertexts(ByteReader& in, std::size_t slots, std::size_t elements) {
  const std::size_t ciphertexts = in.count(4 * slots);
  if (ciphertexts == 0 || ciphertexts > kMaxCiphertexts)
    in.fail("a layout of " + std::to_string(ciphertexts) + " ciphertexts");
  return read_layout(in, ciphertexts * slots, elements);
}

Interface read_interface(ByteReader& in, const ckks::Context& context) {
  Interface x;
  x.input_level = in.u32();
  if (x.input_level > context.max_level()) in.fail("input level " + std::to_string(x.input_level) + " is too high");
  x.input_scale = in.f64();
  if (!std::isfinite(x.input_scale) || x.input_scale < 1) in.fail("the input scale is no scale");
  x.input_elements = in.u32();
  if (x.input_elements == 0 || x.input_elements > kMaxInputElements) {
    in.fail(std::to_string(x.input_elements) + " input elements");
  }
  x.input = read_ciphertexts(in, context.slots(), x.input_elements);
  x.output_ring = in.u8();
  if (x.output_ring > context.literal().smaller.size()) in.fail("the output is in no ring of the parameters");
  const std::size_t output_slots = context.slots() >> x.output_ring;
  x.output_elements = in.u32();
  if (x.output_elements == 0 || x.output_elements > kMaxCiphertexts * output_slots) {
    in.fail(std::to_string(x.output_elements) + " output elements");
  }
  x.output = read_ciphertexts(in, output_slots, x.output_elements);
  std::vector<bool> stands(std::min(x.output_elements, x.output.element.size() + 1), false);
  for (const std::int32_t e : x.output.element) {
    if (e >= 0 && static_cast<std::size_t>(e) < stands.size()) stands[static_cast<std::size_t>(e)] = true;
  }
  for (std::size_t e = 0; e < stands.size(); ++e) {
    if (!stands[e]) in.fail("output " + std::to_string(e) + " stands in no slot");
  }
  x.output_bound = in.f64();
  if (!is_bound(x.output_bound)) in.fail("the output's bound is none");
  return x;
}

/// log2 of the period; number of table entries, 0 where the values themselves follow instead; the values; one byte a
/// slot where there is a table.
void write_diagonal(ByteWriter& out, const ckks::Diagonal& diagonal) {
  out.u8(static_cast<std::uint8_t>(std::countr_zero(diagonal.period())));
  out.u16(static_cast<std::uint16_t>(diagonal.index().empty() ? 0 : diagonal.table().size()));
  for (const double v : diagonal.table()) out.f64(v);
  out.raw(diagonal.index());
}

ckks::Diagonal read_diagonal(ByteReader& in, std::size_t slots) {
  const unsigned log_period = in.u8();
  if (log_period > 31 || (std::size_t{1} << log_period) > slots) {
    in.fail("a diagonal of 2^" + std::to_string(log_period) + " entries");
  }
  const std::size_t period = std::size_t{1} << log_period;
  const std::size_t entries = in.u16();
  const std::size_t values = entries == 0 ? period : entries;
  if (values > in.remaining() / 8) in.fail("a diagonal of " + std::to_string(values) + " values is cut short");
  std::vector<double> table(values);
  for (double& v : table) v = in.f64();
  std::vector<std::uint8_t> index;
  if (entries != 0) {
    const auto raw = in.raw(period);
    index.assign(raw.begin(), raw.end());
  }
  try {
    return {std::move(table), std::move(index)};
  } catch (const InvalidArgument& error) {
    in.fail(error.what());
  }
}

/// Diagonals in pieces that can be packed and unpacked side by side.
class DiagonalWriter {
 public:
  void add(const ckks::Diagonal& diagonal) {
    write_diagonal(body_, diagonal);
    ++count_;
    if (body_.bytes().size() >= kBlockBytes) close();
  }
  void close_into(std::vector<Bytes>& blocks) {
    if (count_ > 0) close();
    std::move(blocks_.begin(), blocks_.end(), std::back_inserter(blocks));
  }

 private:
  void close() {
    ByteWriter block;
    block.u32(count_);
    block.raw(body_.bytes());
    blocks_.push_back(block.take());
    body_ = {};
    count_ = 0;
  }
  std::vector<Bytes> blocks_;
  ByteWriter body_;
  std::uint32_t count_ = 0;
};

/// All diagonals of these pieces, in order.
std::vector<ckks::Diagonal> read_diagonals(std::span<const PackedBlock> blocks, std::size_t slots) {
  std::vector<std::vector<ckks::Diagonal>> read(blocks.size());
  parallel_for(blocks.size(), [&](std::size_t i) {
    const Bytes raw = inflate(blocks[i], "plan");
    ByteReader in(raw, "plan");
    const std::size_t count = in.count(kLeastDiagonal);
    read[i].reserve(count);
    for (std::size_t d = 0; d < count; ++d) read[i].push_back(read_diagonal(in, slots));
    in.finish();
  });
  std::vector<ckks::Diagonal> all;
  for (auto& some : read) std::move(some.begin(), some.end(), std::back_inserter(all));
  return all;
}

int read_rotation(ByteReader& in, std::size_t slots) {
  const auto k = static_cast<std::int32_t>(in.u32());
  if (k <= -static_cast<std::int32_t>(slots) || k >= static_cast<std::int32_t>(slots)) {
    in.fail("a rotation by " + std::to_string(k) + " slots");
  }
  return k;
}

void write_numbers(ByteWriter& out, const std::vector<std::uint32_t>& numbers) {
  out.u32(static_cast<std::uint32_t>(numbers.size()));
  for (const std::uint32_t n : numbers) out.u32(n);
}

std::vector<std::uint32_t> read_numbers(ByteReader& in) {
  std::vector<std::uint32_t> numbers(in.count(4));
  for (std::uint32_t& n : numbers) n = in.u32();
  return numbers;
}

void write_op(ByteWriter& out, const Op& op) {
  out.u8(static_cast<std::uint8_t>(op.kind));
  write_numbers(out, op.inputs);
  write_numbers(out, op.outputs);
  out.u32(op.operand);
  out.u32(op.level);
  out.f64(op.scale);
  out.u8(static_cast<std::uint8_t>(op.ring));
  out.text(op.label);
}
constexpr std::size_t kLeastOp = 1 + 8 + 8 + 4 + 4 + 8 + 1 + 4;

Op read_op(ByteReader& in) {
  Op op{};
  const std::uint8_t kind = in.u8();
  if (kind > static_cast<std::uint8_t>(OpKind::kSwitchRing))
    in.fail("operation of unknown kind " + std::to_string(kind));
  op.kind = static_cast<OpKind>(kind);
  op.inputs = read_numbers(in);
  op.outputs = read_numbers(in);
  op.operand = in.u32();
  op.level = in.u32();
  op.scale = in.f64();
  op.ring = in.u8();
  op.label = in.text(kMaxLabel);
  return op;
}

/// A map but its diagonals, only how many they are.
void write_map(ByteWriter& out, const Map& map) {
  out.u32(map.plan.inputs);
  out.u32(map.plan.outputs);
  for (const double scale : map.weight_scale) out.f64(scale);
  out.u32(static_cast<std::uint32_t>(map.plan.paired));
  out.u32(static_cast<std::uint32_t>(map.plan.terms.size()));
  for (const auto& term : map.plan.terms) {
    out.u32(term.input);
    out.u32(term.output);
    out.u32(static_cast<std::uint32_t>(term.baby));
    out.u32(static_cast<std::uint32_t>(term.giant));
    out.u32(term.diagonal);
    if (map.plan.paired != 0) out.u32(term.partner);
  }
  out.u32(static_cast<std::uint32_t>(map.plan.folds.size()));
  for (const int k : map.plan.folds) out.u32(static_cast<std::uint32_t>(k));
  out.u32(static_cast<std::uint32_t>(map.diagonals.size()));
}
constexpr std::size_t kLeastMap = 4 + 4 + 8 + 4 + 4 + 4 + 4;

/// Adds the number of its diagonals to `diagonals`.
Map read_map(ByteReader& in, std::size_t slots, std::vector<std::size_t>& diagonals) {
  Map map;
  map.plan.inputs = in.u32();
  map.plan.outputs = in.u32();
  if (map.plan.inputs > kMaxCiphertexts) in.fail("a linear map of " + std::to_string(map.plan.inputs) + " inputs");
  for (std::size_t i = 0; i < map.plan.inputs; ++i) map.weight_scale.push_back(in.f64());
  map.plan.paired = read_rotation(in, slots);
  const std::size_t terms = in.count(map.plan.paired != 0 ? 24 : 20);
  map.plan.terms.reserve(terms);
  for (std::size_t t = 0; t < terms; ++t) {
    ckks::LinearMapPlan::Term term;
    term.input = in.u32();
    term.output = in.u32();
    term.baby = read_rotation(in, slots);
    term.giant = read_rotation(in, slots);
    term.diagonal = in.u32();
    if (map.plan.paired != 0) term.partner = in.u32();
    map.plan.terms.push_back(term);
  }
  const std::size_t folds = in.count(4);
  for (std::size_t f = 0; f < folds; ++f) map.plan.folds.push_back(read_rotation(in, slots));
  diagonals.push_back(in.u32());
  return map;
}

/// Deals out the diagonals: so many to each map, the rest to the vectors.
void deal(std::vector<ckks::Diagonal> all, const std::vector<std::size_t>& counts, Program& program,
          const ByteReader& in) {
  auto next = std::make_move_iterator(all.begin());
  std::size_t left = all.size();
  for (std::size_t m = 0; m < counts.size(); ++m) {
    if (counts[m] > left) in.fail("it has fewer diagonals than its linear maps");
    const auto end = next + static_cast<std::ptrdiff_t>(counts[m]);
    program.maps[m].diagonals.assign(next, end);
    next = end;
    left -= counts[m];
  }
  program.vectors.assign(next, std::make_move_iterator(all.end()));
}

ckks::ContextPtr read_context(ByteReader& in, const ckks::OpenedFile& opened) {
  auto context = ckks::Context::read(in);
  if (context->fingerprint() != opened.fingerprint) in.fail("its parameters are not those that its header names");
  return context;
}

}  // namespace

Manifest make_manifest(const Program& program, std::string card) {
  Manifest manifest;
  manifest.parameters = program.parameters;
  manifest.keys = program.keys;
  set_interface(manifest, interface_of(program));
  manifest.card = std::move(card);
  return manifest;
}

Bytes write_manifest(const Manifest& manifest) {
  const auto context = ckks::Context::create(manifest.parameters);
  ByteWriter out;
  context->write(out);
  ckks::write(out, manifest.keys);
  ByteWriter body;
  write(body, interface_of(manifest), context->slots());
  body.text(manifest.card);
  const Bytes block = body.take();
  write_blocks(out, {&block, 1});
  return ckks::seal_file(ckks::Kind::kManifest, context->fingerprint(), out.bytes());
}

Manifest read_manifest(std::span<const std::uint8_t> file) {
  const ckks::OpenedFile opened = ckks::open_file(file, ckks::Kind::kManifest, "manifest");
  ByteReader outer(opened.payload, "manifest");
  const auto context = read_context(outer, opened);
  Manifest manifest;
  manifest.parameters = context->literal();
  manifest.keys = ckks::read_key_request(outer, *context);
  const auto blocks = read_blocks(outer);
  if (blocks.size() != 1) outer.fail("it has " + std::to_string(blocks.size()) + " pieces");
  const Bytes raw = inflate(blocks[0], "manifest");
  ByteReader in(raw, "manifest");
  set_interface(manifest, read_interface(in, *context));
  manifest.card = in.text(kMaxCard);
  in.finish();
  return manifest;
}

Bytes write_plan(const Program& program, const std::string& card) {
  validate(program);
  const auto context = ckks::Context::create(program.parameters);
  ByteWriter head;
  write(head, interface_of(program), program.slots());
  head.text(card);
  head.u32(static_cast<std::uint32_t>(program.ops.size()));
  for (const Op& op : program.ops) write_op(head, op);
  write_numbers(head, program.results);
  head.u32(static_cast<std::uint32_t>(program.maps.size()));
  DiagonalWriter diagonals;
  for (const Map& map : program.maps) {
    write_map(head, map);
    for (const ckks::Diagonal& diagonal : map.diagonals) diagonals.add(diagonal);
  }
  for (const ckks::Diagonal& vector : program.vectors) diagonals.add(vector);
  std::vector<Bytes> blocks{head.take()};
  diagonals.close_into(blocks);
  ByteWriter out;
  context->write(out);
  write_blocks(out, blocks);
  blocks = {};
  return ckks::seal_file(ckks::Kind::kPlan, context->fingerprint(), out.bytes());
}

Plan read_plan(std::span<const std::uint8_t> file) {
  const ckks::OpenedFile opened = ckks::open_file(file, ckks::Kind::kPlan, "plan");
  ByteReader outer(opened.payload, "plan");
  const auto context = read_context(outer, opened);
  const auto blocks = read_blocks(outer);
  if (blocks.empty()) outer.fail("it is empty");
  const Bytes head = inflate(blocks[0], "plan");
  ByteReader in(head, "plan");
  Plan plan;
  Program& program = plan.program;
  program.parameters = context->literal();
  set_interface(program, read_interface(in, *context));
  plan.card = in.text(kMaxCard);
  const std::size_t ops = in.count(kLeastOp);
  for (std::size_t i = 0; i < ops; ++i) program.ops.push_back(read_op(in));
  program.results = read_numbers(in);
  const std::size_t maps = in.count(kLeastMap);
  std::vector<std::size_t> counts;
  for (std::size_t m = 0; m < maps; ++m) program.maps.push_back(read_map(in, context->slots(), counts));
  in.finish();
  deal(read_diagonals(std::span(blocks).subspan(1), context->slots()), counts, program, in);
  try {
    validate(program);
    program.keys = required_keys(program);
  } catch (const InvalidArgument& error) {
    in.fail(error.what());
  }
  return plan;
}

}  // namespace blindsight::compiler
