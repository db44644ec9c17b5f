#include "blindsight/nn/onnx_hints.h"

#include <map>
#include <set>

namespace blindsight::nn {

bool is_known_operator(const std::string& type) {
  static const std::set<std::string> known = {"Add",
                                              "AveragePool",
                                              "BatchNormalization",
                                              "Cast",
                                              "Ceil",
                                              "Concat",
                                              "Constant",
                                              "ConstantOfShape",
                                              "Conv",
                                              "DepthToSpace",
                                              "Div",
                                              "Dropout",
                                              "Equal",
                                              "Expand",
                                              "Flatten",
                                              "Floor",
                                              "Gather",
                                              "Gemm",
                                              "GlobalAveragePool",
                                              "Identity",
                                              "LogSoftmax",
                                              "MatMul",
                                              "Mul",
                                              "Neg",
                                              "Pad",
                                              "Pow",
                                              "Range",
                                              "ReduceMean",
                                              "Reshape",
                                              "Shape",
                                              "Slice",
                                              "Softmax",
                                              "SpaceToDepth",
                                              "Split",
                                              "Sqrt",
                                              "Squeeze",
                                              "Sub",
                                              "Transpose",
                                              "Unsqueeze",
                                              "Where"};
  return known.contains(type);
}

std::string operator_hint(const std::string& type) {
  static const std::string activation = "use a square or quadratic activation (x*x) and retrain";
  static const std::string pooling = "use AveragePool and retrain";
  static const std::string norm = "use BatchNormalization, which folds into the layers beside it, and retrain";
  static const std::string recurrent = "only feed-forward convolutional networks can be evaluated";
  static const std::map<std::string, std::string> hints = {
      {"Relu", activation},
      {"LeakyRelu", activation},
      {"PRelu", activation},
      {"Elu", activation},
      {"Selu", activation},
      {"Celu", activation},
      {"Sigmoid", activation},
      {"HardSigmoid", activation},
      {"HardSwish", activation},
      {"Tanh", activation},
      {"Softplus", activation},
      {"Softsign", activation},
      {"ThresholdedRelu", activation},
      {"Erf", activation},
      {"Clip", activation},
      {"Abs", activation},
      {"Exp", activation},
      {"Max", activation},
      {"Min", activation},
      {"Gelu", activation},
      {"Mish", activation},
      {"MaxPool", pooling},
      {"GlobalMaxPool", pooling},
      {"LpPool", pooling},
      {"GlobalLpPool", pooling},
      {"MaxRoiPool", pooling},
      {"ReduceMax", pooling},
      {"LRN", norm},
      {"InstanceNormalization", norm},
      {"LayerNormalization", norm},
      {"GroupNormalization", norm},
      {"LSTM", recurrent},
      {"GRU", recurrent},
      {"RNN", recurrent},
      {"Loop", recurrent},
      {"If", recurrent},
      {"Scan", recurrent},
      {"ArgMax", "end the network with its logits; the client takes the maximum"},
      {"TopK", "end the network with its logits; the client ranks them"},
      {"Log", "end the network with its logits; the client applies softmax and logarithm"},
      {"ConvTranspose", "use Conv"},
      {"Equal", "only constants can be compared"},
      {"Where", "only constants can be chosen from"},
      {"QLinearConv", "export the network before quantisation"},
      {"QLinearMatMul", "export the network before quantisation"},
      {"ConvInteger", "export the network before quantisation"},
      {"MatMulInteger", "export the network before quantisation"},
      {"QuantizeLinear", "export the network before quantisation"},
      {"DequantizeLinear", "export the network before quantisation"}};
  const auto hint = hints.find(type);
  if (hint != hints.end()) return hint->second;
  return "build the network from Conv, Gemm, MatMul, x*x, BatchNormalization, AveragePool, Flatten and "
         "additions or products with constants";
}

}  // namespace blindsight::nn
