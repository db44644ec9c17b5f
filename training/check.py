#!/usr/bin/python3
"""Evaluates the zoo's digit and fashion networks with numpy alone and compares with their cards."""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from digits.data import read_split
from digits.fold import folds
from digits.recipe import RECIPES

ROOM = Path(__file__).resolve().parent
BATCH = 1000


def conv(x, weight, bias, strides):
    """A convolution without padding."""
    size = weight.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=(2, 3))[:, :, ::strides[0], ::strides[1]]
    return np.einsum("nchwij,ocij->nohw", windows, weight, optimize=True) + bias.reshape(1, -1, 1, 1)


def evaluate(model, images):
    """Logits of a batch; refuses any operator that a shipped network must not have."""
    values = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in model.graph.initializer}
    values[model.graph.input[0].name] = images
    for node in model.graph.node:
        inputs = [values[name] for name in node.input]
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Conv" and not any(attributes.get("pads", [])):
            result = conv(*inputs, attributes["strides"])
        elif node.op_type == "Mul" and node.input[0] == node.input[1]:
            result = inputs[0] * inputs[1]
        elif node.op_type == "Flatten":
            result = inputs[0].reshape(len(inputs[0]), -1)
        elif node.op_type == "Gemm" and attributes.get("transB") == 1:
            result = inputs[0] @ inputs[1].T + inputs[2]
        else:
            raise ValueError(f"unexpected node {node.name} of type {node.op_type}")
        values[node.output[0]] = result
    return values[model.graph.output[0].name]


def check(path, data):
    """Accuracy, in percent, on the images that the card says, and whether the card says the same."""
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    card = json.loads(path.with_suffix(".json").read_text())
    split = read_split(Path(data) / card["dataset"], "t10k")
    evaluation = card["evaluation"]
    if "folds" in evaluation:
        split = split.take(folds(split.labels, evaluation["folds"]) == evaluation["held_out_fold"])
    preprocess = card["preprocess"]
    images = (split.images[:, None] * preprocess["scale"] - preprocess["mean"][0]) / preprocess["std"][0]
    logits = np.concatenate([evaluate(model, images[i:i + BATCH]) for i in range(0, len(images), BATCH)])
    accuracy = 100 * (logits.argmax(1) == split.labels).mean()
    agrees = abs(accuracy - card["accuracy"]["clear"]) < 0.011
    print(f"{path.stem:20} {len(split):6} images  {accuracy:.2f} %  card {card['accuracy']['clear']:.2f} %  "
          f"published {card['accuracy']['published_clear']:.2f} %  largest logit {np.abs(logits).max():.1f}"
          f"{'' if agrees else '  DIFFERS'}")
    return agrees


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("BLINDSIGHT_DATA", Path.home() / ".cache/blindsight/data"))
    parser.add_argument("--models", type=Path, default=ROOM.parent / "models")
    options = parser.parse_args()
    results = [check(options.models / f"{name}.onnx", options.data) for name in RECIPES]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
