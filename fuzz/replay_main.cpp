// Runs a fuzz target without libFuzzer: every seed in a folder, then mutations of the seeds, always the same ones.
//
//   replay_<name> CORPUS_DIR... [RUNS]  mutations (4000, or what fits into 20 seconds)
//   replay_<name> FILE                  one input, such as a crash that libFuzzer found
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <utility>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;
using Random = std::mt19937_64;

Input read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Input(std::istreambuf_iterator<char>(in), {});
}

std::vector<Input> seeds_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Input> seeds;
  for (const auto& path : paths) seeds.push_back(read(path));
  return seeds;
}

std::size_t below(Random& random, std::size_t limit) { return limit == 0 ? 0 : random() % limit; }

// Half of all strikes hit the first 64 bytes, where the lengths and versions are.
std::size_t position(Random& random, const Input& input) {
  const std::size_t reach = random() % 2 == 0 ? std::min<std::size_t>(input.size(), 64) : input.size();
  return below(random, reach);
}

void overwrite_word(Random& random, Input& input) {
  constexpr std::uint64_t kNasty[] = {0,        1,           0x7f,        0xff,       0x7fff,     0xffff,
                                      1u << 20, 0x7fffffffu, 0xffffffffu, 1ULL << 40, 1ULL << 63, ~0ULL};
  const std::uint64_t value = kNasty[below(random, std::size(kNasty))];
  const std::size_t width = std::size_t{1} << below(random, 4);
  const std::size_t at = position(random, input);
  for (std::size_t i = 0; i < width && at + i < input.size(); ++i) {
    input[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

void mutate(Random& random, Input& input) {
  if (input.empty()) input.push_back(0);
  switch (random() % 6) {
    case 0:
      input[position(random, input)] ^= static_cast<std::uint8_t>(1u << (random() % 8));
      break;
    case 1:
      input[position(random, input)] = static_cast<std::uint8_t>(random());
      break;
    case 2:
      overwrite_word(random, input);
      break;
    case 3:
      input.resize(below(random, input.size() + 1));
      break;
    case 4: {  // drop a piece
      const auto at = static_cast<std::ptrdiff_t>(position(random, input));
      const auto length = std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(1 + below(random, 16)),
                                                   static_cast<std::ptrdiff_t>(input.size()) - at);
      input.erase(input.begin() + at, input.begin() + at + length);
      break;
    }
    default: {  // repeat a piece
      const auto at = static_cast<std::ptrdiff_t>(position(random, input));
      const Input piece(input.begin() + at,
                        input.begin() + std::min<std::ptrdiff_t>(at + 16, static_cast<std::ptrdiff_t>(input.size())));
      input.insert(input.begin() + at, piece.begin(), piece.end());
    }
  }
}

Input noise(Random& random) {
  Input input(below(random, 512));
  for (auto& byte : input) byte = static_cast<std::uint8_t>(random());
  return input;
}

void run(const Input& input) { LLVMFuzzerTestOneInput(input.data(), input.size()); }

// What broke it, kept for replay, because an exception that escapes ends the program here.
void save(const Input& input) {
  std::ofstream("fuzz-failure.bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s CORPUS_DIR... [RUNS] | FILE\n", argv[0]);
    return 2;
  }
  if (std::filesystem::is_regular_file(argv[1])) {
    run(read(argv[1]));
    return 0;
  }
  std::vector<Input> seeds;
  long runs = 4000;
  for (int i = 1; i < argc; ++i) {
    if (const long number = std::atol(argv[i]); number > 0) {
      runs = number;
    } else {
      for (Input& seed : seeds_in(argv[i])) seeds.push_back(std::move(seed));
    }
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  Random random(20260101);
  Input input;
  long done = 0;
  try {
    for (const auto& seed : seeds) run(input = seed);
    for (; done < runs && std::chrono::steady_clock::now() < deadline; ++done) {
      if (seeds.empty() || done % 8 == 0) {
        input = noise(random);
      } else {
        input = seeds[below(random, seeds.size())];
        for (std::size_t strikes = 1 + below(random, 4); strikes > 0; --strikes) mutate(random, input);
      }
      run(input);
    }
  } catch (const std::exception& error) {
    save(input);
    std::fprintf(stderr, "run %ld let an exception escape: %s (input in fuzz-failure.bin)\n", done, error.what());
    return 1;
  }
  std::printf("%zu seeds, %ld mutations: no complaint\n", seeds.size(), done);
  return 0;
}
