// ONNX import on arbitrary bytes: every refusal must be one of our own errors.
#include <cstddef>
#include <cstdint>

#include "blindsight/base/error.h"
#include "blindsight/nn/import.h"
#include "blindsight/nn/network.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const blindsight::nn::Graph graph = blindsight::nn::import_onnx({data, size}, "fuzz.onnx");
    // Larger images would only make the fuzzer slow.
    if (blindsight::nn::element_count(graph.input_shape) <= 4096 && graph.nodes.size() < 32) {
      blindsight::nn::to_network(graph);
    }
  } catch (const blindsight::Error&) {
  }
  return 0;
}
