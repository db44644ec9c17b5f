"""Starts from a network of the zoo, or a ResNet from one that others trained, whose activations are w2·x² + w1·x + w0."""

import json

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from cnn.data import MEAN_STD

from .network import Layer, Shortcut

# What is squared gets a standard deviation of about one, so that the bound of training means the same here.
STREAM = 4.0  # the factor by which values between blocks grow
CURVATURE = 0.04  # a of the first activation in a block
LEAST_SQUARE = 1e-3  # of w2: a channel below it, of nearly no curvature, is given this much


def initializers(model):
    """The tensors stored in an ONNX model, by name."""
    return {tensor.name: torch.from_numpy(np.array(numpy_helper.to_array(tensor)))
            for tensor in model.graph.initializer}


@torch.no_grad()
def adopt(network, path, dataset):
    """Copies weights from an ONNX file with a card beside it, whose names are those of AutoFHE's ResNets (c, a,
    body.B.c1, body.B.a1, …, fc), into a folded network."""
    preprocess = json.loads(path.with_suffix(".json").read_text())["preprocess"]
    tensors = initializers(onnx.load(str(path)))
    # Zeros at the border stand for the mean, which has to be the same.
    mean, std = MEAN_STD[dataset]
    if not np.allclose(mean, preprocess["mean"]):
        raise SystemExit(f"{path} was trained for images of another mean")
    ratio = (torch.tensor(std) / torch.tensor(preprocess["std"])).view(1, -1, 1, 1)
    fill(network.stem, tensors, "c", "a", ratio, gain=None)
    for b, block in enumerate(network.blocks):
        fill(block.first, tensors, f"body.{b}.c1", f"body.{b}.a1", 1 / STREAM, gain=None)
        fill(block.second, tensors, f"body.{b}.c2", f"body.{b}.a2", 1, gain=STREAM)
        if isinstance(block.shortcut, Shortcut):
            select(block.shortcut.conv.weight)
    for layer in [network.stem] + [block.second for block in network.blocks]:
        layer.a.mul_(STREAM)
        layer.c.mul_(STREAM)
    network.fc.weight.copy_(tensors["fc.weight"] / STREAM)
    network.fc.bias.copy_(tensors["fc.bias"])


def fill(layer, tensors, conv, activation, factor, gain):
    """A layer from a convolution whose input is `factor` times larger, and a quadratic. `gain` is that of u over x, by
    default such that every a is CURVATURE."""
    square, slope, constant = (tensors[f"{activation}.w{power}"].flatten() for power in (2, 1, 0))
    square = torch.where(square.abs() < LEAST_SQUARE, torch.full_like(square, LEAST_SQUARE), square)
    gain = torch.full_like(square, gain) if gain else (square.abs() / CURVATURE).sqrt()
    layer.conv.weight.copy_(tensors[f"{conv}.weight"] * factor * gain.view(-1, 1, 1, 1))
    layer.shift.copy_((gain * slope / (2 * square)).expand_as(layer.shift))
    layer.a.copy_(square / gain**2)
    layer.c.copy_(constant - slope**2 / (4 * square))


@torch.no_grad()
def load_shipped(network, path):
    """Copies weights from the ONNX file of the same architecture's shipped form. Where the network is not folded, every
    batch norm takes a convolution's bias for its mean, and a variance of one: the function stays the same."""
    model = onnx.load(str(path))
    tensors = initializers(model)
    for node in model.graph.node:
        if node.op_type == "Identity":  # what is equal is stored once
            tensors[node.output[0]] = tensors[node.input[0]]
    # Shift, a and c of every layer, in the order of evaluation: their names are the exporter's.
    activations = iter([tensors[name] for node in model.graph.node if node.op_type in ("Add", "Mul")
                        for name in node.input if name in tensors])
    for name, module in network.named_modules():
        if not isinstance(module, (Layer, Shortcut)):
            continue
        bias = tensors[f"{name}.conv.bias"]
        module.conv.weight.copy_(tensors[f"{name}.conv.weight"])
        if module.conv.bias is not None:
            module.conv.bias.copy_(bias)
        else:
            module.norm.running_mean.copy_(-bias)
            module.norm.running_var.fill_(1 - module.norm.eps)
        if isinstance(module, Layer):
            module.shift.copy_(next(activations).permute(1, 2, 0))
            module.a.copy_(next(activations).flatten())
            module.c.copy_(next(activations).flatten())
    network.fc.weight.copy_(tensors["fc.weight"])
    network.fc.bias.copy_(tensors["fc.bias"])


def select(weight):
    """Every input channel to the output channel that lies as far from the middle."""
    outputs, inputs = weight.shape[:2]
    weight.zero_()
    for channel in range(inputs):
        weight[channel + (outputs - inputs) // 2, channel] = 1
