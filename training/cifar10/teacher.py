"""A pretrained network that answers with its logits, read from an ONNX file and its card."""

import json

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


class Teacher:
    """Convolutions, ReLUs, residual additions, a pool and a dense layer; any other operator is refused."""

    def __init__(self, path, device):
        model = onnx.load(str(path))
        preprocess = json.loads(path.with_suffix(".json").read_text())["preprocess"]
        self.mean, self.std = (torch.tensor(preprocess[key], device=device).view(1, -1, 1, 1)
                               for key in ("mean", "std"))
        self.nodes = [(node, {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute})
                      for node in model.graph.node]
        self.input, self.output = model.graph.input[0].name, model.graph.output[0].name
        self.weights = {}
        for tensor in model.graph.initializer:
            weight = torch.from_numpy(np.array(numpy_helper.to_array(tensor))).to(device)
            if weight.dim() == 4:
                weight = weight.contiguous(memory_format=torch.channels_last)
            self.weights[tensor.name] = weight

    @torch.no_grad()
    def __call__(self, images):
        """Logits of images in [0, 1]."""
        values = {**self.weights, self.input: (images - self.mean) / self.std}
        for node, attributes in self.nodes:
            values[node.output[0]] = apply(node, [values[name] for name in node.input], attributes)
        return values[self.output].float()


def apply(node, inputs, attributes):
    kind = node.op_type
    if kind == "Conv" and len(set(attributes["pads"])) == 1 and attributes["group"] == 1:
        return F.conv2d(*inputs, stride=attributes["strides"], padding=attributes["pads"][0])
    if kind == "Relu":
        return inputs[0].relu_()
    if kind == "Add":
        return inputs[0] + inputs[1]
    if kind == "GlobalAveragePool":
        return inputs[0].mean((2, 3), keepdim=True)
    if kind == "Flatten":
        return inputs[0].flatten(1)
    if kind == "MatMul":
        return inputs[0] @ inputs[1]
    raise ValueError(f"teacher's node {node.name} is of type {kind}, which this reader does not know")
