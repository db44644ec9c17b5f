#!/usr/bin/python3
"""Evaluates the networks that were trained here with numpy alone and compares with their cards."""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

import cnn.recipe
import digits.data
import digits.recipe
import neu.data
from cnn.data import read_test
from digits.fold import folds

ROOM = Path(__file__).resolve().parent
BATCH = 250


def windows(x, size, strides):
    """Every window of the given size: N×C×rows×cols×height×width."""
    return np.lib.stride_tricks.sliding_window_view(x, size, axis=(2, 3))[:, :, ::strides[0], ::strides[1]]


def conv(x, weight, bias=0.0, *, strides, pads):
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    seen = windows(x, weight.shape[2:], strides)
    return np.einsum("nchwij,ocij->nohw", seen, weight, optimize=True) + np.reshape(bias, (1, -1, 1, 1))


def move(kind, inputs, attributes):
    """The output of a node that only moves elements; None if it is of another kind."""
    if kind == "Reshape":
        sizes = [size or inputs[0].shape[axis] for axis, size in enumerate(inputs[1].astype(int))]
        return inputs[0].reshape(len(inputs[0]), *sizes[1:])  # networks are exported for one image
    if kind == "Transpose":
        return inputs[0].transpose(attributes["perm"])
    if kind == "Concat":
        return np.concatenate(inputs, attributes["axis"])
    if kind == "Slice":
        starts, ends, axes, steps = (part.astype(int) for part in inputs[1:])
        chosen = [slice(None)] * inputs[0].ndim
        for start, end, axis, step in zip(starts, ends, axes, steps):
            chosen[axis] = slice(start, end, step)
        return inputs[0][tuple(chosen)]
    return None


def apply(node, inputs, attributes):
    """The output of a node; refuses any operator that a shipped network must not have."""
    kind = node.op_type
    if kind == "Conv" and attributes["dilations"] == [1, 1]:
        parts = zip(*(np.split(values, attributes["group"], axis) for values, axis in zip(inputs, (1, 0, 0))))
        return np.concatenate([conv(*part, strides=attributes["strides"], pads=attributes["pads"]) for part in parts], 1)
    if kind == "AveragePool" and not any(attributes.get("pads", [])) and not attributes.get("ceil_mode"):
        return windows(inputs[0], attributes["kernel_shape"], attributes["strides"]).mean((4, 5))
    if kind == "Mul":
        return inputs[0] * inputs[1]
    if kind == "Add":
        return inputs[0] + inputs[1]
    if kind == "Flatten":
        return inputs[0].reshape(len(inputs[0]), -1)
    if kind == "Gemm" and attributes.get("transB") == 1:
        return inputs[0] @ inputs[1].T + inputs[2]
    if kind == "ReduceMean" and attributes["axes"] == [2, 3]:
        return inputs[0].mean((2, 3), keepdims=bool(attributes["keepdims"]))
    if kind == "Identity":
        return inputs[0]
    if kind == "Constant":
        return numpy_helper.to_array(attributes["value"])
    moved = move(kind, inputs, attributes)
    if moved is not None:
        return moved
    raise ValueError(f"unexpected node {node.name} of type {kind}")


def evaluate(model, images):
    """Logits of a batch."""
    values = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in model.graph.initializer}
    values[model.graph.input[0].name] = images
    for node in model.graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        values[node.output[0]] = apply(node, [values[name] for name in node.input], attributes)
    return values[model.graph.output[0].name]


def steel_test(data):
    """The test part of the steel images as the network takes them: equalised, N×1×112×112."""
    part = neu.data.load(data)["test"]
    return digits.data.Split(np.stack([neu.data.prepared(image) for image in part.images])[:, None], part.labels)


def check(path, data):
    """Accuracy, in percent, on the images that the card says, and whether the card says the same."""
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    card = json.loads(path.with_suffix(".json").read_text())
    split = steel_test(data) if card["dataset"] == neu.data.DATASET else read_test(data, card["dataset"])
    evaluation = card["evaluation"]
    if "folds" in evaluation:
        split = split.take(folds(split.labels, evaluation["folds"]) == evaluation["held_out_fold"])
    preprocess = card["preprocess"]
    mean, std = (np.reshape(preprocess[key], (1, -1, 1, 1)) for key in ("mean", "std"))
    logits = np.concatenate([evaluate(model, (split.images[i:i + BATCH] * preprocess["scale"] - mean) / std)
                             for i in range(0, len(split), BATCH)])
    accuracy = 100 * (logits.argmax(1) == split.labels).mean()
    agrees = abs(accuracy - card["accuracy"]["clear"]) < 0.011
    print(f"{path.stem:20} {len(split):6} images  {accuracy:.2f} %  card {card['accuracy']['clear']:.2f} %  "
          f"largest logit {np.abs(logits).max():.1f}"
          f"{'' if agrees else '  DIFFERS'}")
    return agrees


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("BLINDSIGHT_DATA", Path.home() / ".cache/blindsight/data"))
    parser.add_argument("--models", type=Path, default=ROOM.parent / "models")
    options = parser.parse_args()
    names = [*digits.recipe.RECIPES, *cnn.recipe.RECIPES, "neu-image"]  # neu-chunks has the same weights
    results = [check(options.models / f"{name}.onnx", options.data) for name in names]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
