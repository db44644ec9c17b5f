#include "blindsight/compiler/memory.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "blindsight/base/parallel.h"
#include "blindsight/ckks/map_schedule.h"
#include "blindsight/ckks/sampling.h"

namespace blindsight::compiler {

namespace {

std::size_t limb_bytes(const ckks::Context& context) { return context.n() * sizeof(std::uint64_t); }

std::size_t poly_bytes(const ckks::Context& context, std::size_t limbs) { return limbs * limb_bytes(context); }

std::size_t extended_limbs(const ckks::Context& context, unsigned level) {
  return level + 1 + context.special_limbs(level);
}

/// Expanded keys up to this size are used as they are: memory hands them over several times as fast as they are
/// unpacked and drawn from their seeds.
constexpr std::size_t kSmallKeys = std::size_t{512} << 20;

/// Bytes of all keys in either form.
struct KeyBytes {
  std::size_t packed = 0, expanded = 0;
};

KeyBytes key_bytes(const Program& program, const ckks::Context& largest) {
  KeyBytes bytes;
  ckks::KeyRequest request = required_keys(program);
  for (unsigned ring = 0; ring <= program.parameters.smaller.size(); ++ring) {
    const ckks::ContextPtr context = largest.in_ring(ring);
    const auto add = [&](unsigned level) {
      bytes.packed += ckks::packed_key_bytes(*context, level);
      bytes.expanded += 2 * context->digits(level) * poly_bytes(*context, extended_limbs(*context, level));
    };
    const ckks::KeyLevels keys = ckks::key_levels(*context, request.in_ring(ring));
    for (const auto& [special_limbs, level] : keys.relinearisation) add(level);
    for (const auto& [id, level] : keys.galois) add(level);
    for (int i = 0; ring > 0 && i < 2; ++i) add(context->max_level());
  }
  return bytes;
}

/// Of the packed keys, those that the operation with the most uses.
std::size_t largest_use(const Program& program, const ckks::Context& largest) {
  std::size_t most = 0;
  ckks::KeyRequest request = required_keys(program);
  for (const Op& op : program.ops) {
    if (op.kind != OpKind::kLinearMap) continue;
    const ckks::ContextPtr context = largest.in_ring(op.ring);
    const auto& rotations = request.in_ring(op.ring).rotations;
    std::size_t sum = 0;
    for (const int k :
         ckks::rotations_of(program.maps[op.operand].plan, static_cast<std::uint32_t>(context->slots()))) {
      sum +=
          ckks::packed_key_bytes(*context, rotations.at(k).at(static_cast<unsigned>(context->special_limbs(op.level))));
    }
    if (program.maps[op.operand].plan.paired != 0) sum += ckks::packed_key_bytes(*context, op.level);
    most = std::max(most, sum);
  }
  return most;
}

std::size_t program_bytes(const Program& program) {
  std::size_t bytes = 0;
  const auto add = [&](const ckks::Diagonal& diagonal) { bytes += sizeof(diagonal) + diagonal.bytes(); };
  for (const Map& map : program.maps) {
    for (const ckks::Diagonal& diagonal : map.diagonals) add(diagonal);
    bytes += map.plan.terms.size() * sizeof(map.plan.terms[0]);
  }
  for (const ckks::Diagonal& vector : program.vectors) add(vector);
  return bytes;
}

/// Bytes that an operation takes besides its inputs and outputs.
std::size_t temporary_bytes(const Program& program, const ckks::Context& largest, const Op& op) {
  const ckks::Context& context = *largest.in_ring(op.ring);
  const std::size_t extended = extended_limbs(context, op.level);
  const std::size_t digits = context.digits(op.level);
  if (op.kind == OpKind::kSquare)
    return poly_bytes(context, op.level + 1) + (digits + 2) * poly_bytes(context, extended);
  if (op.kind != OpKind::kLinearMap) return 0;
  const Map& map = program.maps[op.operand];
  const ckks::MapSchedule schedule(map.plan, map.diagonals, static_cast<std::uint32_t>(context.slots()));
  std::set<std::uint32_t> inputs;  // that are rotated
  for (const auto& factor : schedule.factors) {
    if (factor.rotated()) inputs.insert(factor.input);
  }
  // Digits of the inputs, then one polynomial's; all inner sums; a part of the total.
  const std::size_t polys = std::max(inputs.size() * digits, digits + 1) + 2 * schedule.groups.size();
  const std::size_t with_rotations = map.plan.paired != 0 ? 2 * map.plan.inputs : 0, bodies = inputs.size();
  // Of every thread a limb of all baby steps, or a window of one, and a limb of weights that are encoded as they are
  // used, where threads don't share it. And the coefficients of those.
  const auto threads = static_cast<std::size_t>(thread_count());
  const bool shared = schedule.weights_at_hand(false);
  const std::size_t window = shared ? std::min(context.n(), ckks::kUniformBlock) : context.n();
  std::size_t most = 0, all = 0;
  for (const auto batch : schedule.batches(shared)) {
    std::size_t terms = 0;
    for (const auto& group : batch) terms += group.terms.size();
    most = std::max(most, terms);
    all += terms;
  }
  constexpr std::size_t kScratchLimbs = 5, kCoefficient = 4;
  return polys * poly_bytes(context, extended) + (with_rotations + bodies) * poly_bytes(context, op.level + 1) +
         threads *
             (2 * schedule.factors.size() * window * sizeof(std::uint64_t) + kScratchLimbs * limb_bytes(context)) +
         (shared ? 1 : threads) * most * schedule.most_words * sizeof(std::uint64_t) +
         all * schedule.most_words * kCoefficient;
}

/// Tables, indices of automorphisms, the process itself, and freed memory that is kept for the next use.
std::size_t standing_bytes(const Program& program, const ckks::Context& context) {
  // Bytes that it has before it begins; limbs.
  constexpr std::size_t kProcess = std::size_t{56} << 20, kTablesOfAPrime = 2;
  std::size_t bytes = kProcess;
  ckks::KeyRequest request = required_keys(program);
  for (unsigned ring = 0; ring <= program.parameters.smaller.size(); ++ring) {
    const ckks::ContextPtr own = context.in_ring(ring);
    bytes += ckks::key_levels(*own, request.in_ring(ring)).galois.size() * own->n() * 4;
    bytes += kTablesOfAPrime * own->full_basis()->size() * limb_bytes(*own);
  }
  return bytes;
}

std::size_t working_bytes(const Program& program, const ckks::Context& context) {
  const std::size_t count = program.values();
  constexpr std::size_t kForever = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> last_use(count, 0);
  std::vector<std::size_t> bytes(count, 2 * poly_bytes(context, program.input_level + 1));
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    for (const std::uint32_t v : program.ops[i].inputs) last_use[v] = i;
    for (const std::uint32_t v : program.ops[i].outputs) {
      last_use[v] = i;
      bytes[v] = 2 * poly_bytes(*context.in_ring(program.ops[i].ring), program.ops[i].level + 1);
    }
  }
  for (const std::uint32_t v : program.results) last_use[v] = kForever;
  std::size_t alive = 0, most = 0;
  for (std::size_t v = 0; v < program.input_ciphertexts(); ++v) alive += bytes[v];
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    const Op& op = program.ops[i];
    for (const std::uint32_t v : op.outputs) alive += bytes[v];
    most = std::max(most, alive + temporary_bytes(program, context, op));
    const auto release = [&](std::uint32_t v) {
      if (last_use[v] != i) return;
      alive -= bytes[v];
      last_use[v] = kForever;  // an operation may read a value twice
    };
    for (const std::uint32_t v : op.inputs) release(v);
    for (const std::uint32_t v : op.outputs) release(v);
  }
  return most + most / 4 + standing_bytes(program, context);  // what the allocator may hold besides
}

/// Encoded weights of one operation.
struct Item {
  std::size_t op = 0, bytes = 0;
  double saved = 0;  ///< work of encoding them, in arbitrary units
};

/// A transform over the complex numbers with its rounding is worth about so many of one limb.
constexpr double kComplexTransform = 4;

double encoding_work(std::size_t period, std::size_t limbs) {
  const auto n = 2 * static_cast<double>(period);
  return n * (1 + std::log2(n)) * (static_cast<double>(limbs) + kComplexTransform);
}

std::vector<Item> items(const Program& program, const ckks::Context& context) {
  std::vector<Item> out;
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    const Op& op = program.ops[i];
    if (op.kind == OpKind::kLinearMap) {
      const Map& map = program.maps[op.operand];
      const ckks::ContextPtr own = context.in_ring(op.ring);
      Item item{i, ckks::LinearMap::encoded_bytes(*own, map.plan, map.diagonals, op.level), 0};
      const std::size_t limbs = extended_limbs(*own, op.level);
      for (const auto& term : map.plan.terms) {
        item.saved += encoding_work(map.diagonals[term.diagonal].period(), limbs);
        if (map.plan.paired != 0) item.saved += encoding_work(map.diagonals[term.partner].period(), limbs);
      }
      out.push_back(item);
    } else if (op.kind == OpKind::kAddVector) {
      out.push_back(
          {i, (op.level + 1) * limb_bytes(context) >> op.ring, encoding_work(program.slots(op.ring), op.level + 1)});
    }
  }
  return out;
}

}  // namespace

MemoryPlan plan_memory(const Program& program, const ckks::Context& context, std::size_t budget) {
  MemoryPlan plan;
  const KeyBytes keys = key_bytes(program, context);
  plan.key_form = keys.expanded <= kSmallKeys ? ckks::KeyForm::kExpanded : ckks::KeyForm::kPacked;
  plan.keys = plan.key_form == ckks::KeyForm::kExpanded ? keys.expanded : keys.packed;
  plan.program = program_bytes(program);
  plan.working = working_bytes(program, context);
  plan.kept.assign(program.ops.size(), false);
  if (budget != 0 && plan.key_form == ckks::KeyForm::kPacked && plan.total() > budget) {
    plan.release_keys = true;
    // All of them are in memory once, when they are checked; nothing else is then.
    plan.keys = std::max(largest_use(program, context), keys.packed - std::min(keys.packed, plan.working));
  }
  const std::size_t fixed = plan.total();
  const std::size_t room = budget == 0 ? std::numeric_limits<std::size_t>::max() : budget > fixed ? budget - fixed : 0;
  std::vector<Item> candidates = items(program, context);
  std::stable_sort(candidates.begin(), candidates.end(), [](const Item& a, const Item& b) {
    return a.saved * static_cast<double>(b.bytes) > b.saved * static_cast<double>(a.bytes);
  });
  for (const Item& item : candidates) {
    plan.all_weights += item.bytes;
    if (item.bytes > room - plan.weights) continue;
    plan.weights += item.bytes;
    plan.kept[item.op] = true;
  }
  return plan;
}

}  // namespace blindsight::compiler
