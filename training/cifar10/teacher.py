"""Pretrained networks that answer with their logits, read from ONNX files and their cards."""

import json

import onnx
import torch
import torch.nn.functional as F

from cnn.data import MEAN_STD

from .pretrained import initializers


class Teachers:
    """The mean of what several networks say, every second of which looks at the mirror image."""

    def __init__(self, paths, dataset, device):
        self.networks = [Teacher(path, dataset, device) for path in paths]

    def __call__(self, images):
        views = [images, images.flip(3)] if len(self.networks) > 1 else [images]
        answers = [network(views[i % len(views)]) for i, network in enumerate(self.networks)]
        return torch.stack(answers).mean(0)


class Teacher:
    """Convolutions, ReLUs, residual additions, a pool and a dense layer; any other operator is refused. Without a card,
    images are normalised as the data set's."""

    def __init__(self, path, dataset, device):
        model, card = onnx.load(str(path)), path.with_suffix(".json")
        preprocess = json.loads(card.read_text())["preprocess"] if card.exists() else {}
        self.mean, self.std = (torch.tensor(preprocess.get(key, usual), device=device).view(1, -1, 1, 1)
                               for key, usual in zip(("mean", "std"), MEAN_STD[dataset]))
        self.nodes = [(node, {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute})
                      for node in model.graph.node]
        self.input, self.output = model.graph.input[0].name, model.graph.output[0].name
        self.weights = {}
        for name, weight in initializers(model).items():
            layout = torch.channels_last if weight.dim() == 4 else torch.contiguous_format
            self.weights[name] = weight.to(device).contiguous(memory_format=layout)

    @torch.no_grad()
    def __call__(self, images):
        """Logits of images in [0, 1]."""
        values = {**self.weights, self.input: (images - self.mean) / self.std}
        for node, attributes in self.nodes:
            if node.op_type != "Constant":  # a shape, which `apply` knows
                inputs = [values.get(name) for name in node.input]
                values[node.output[0]] = apply(node, inputs, attributes)
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
    if kind in ("Flatten", "Reshape"):
        return inputs[0].flatten(1)
    if kind == "MatMul":
        return inputs[0] @ inputs[1]
    if kind == "Gemm" and attributes.get("transB") and attributes["alpha"] == attributes["beta"] == 1:
        return F.linear(*inputs)
    raise ValueError(f"teacher's node {node.name} is of type {kind}, which this reader does not know")
