"""ONNX file and card of a trained network."""

import json
import platform

import torch

from .data import LABELS, MEAN_STD
from .network import SIDE
from .train import normalised, pixels

OPSET = 13


def write_onnx(network, path):
    torch.onnx.export(network, torch.zeros(1, 1, SIDE, SIDE), str(path), opset_version=OPSET,
                      input_names=["image"], output_names=["logits"])


@torch.no_grad()
def ranges(network, train, dataset):
    """Largest magnitudes over the training images where an encrypted run has to hold them."""
    image = normalised(pixels(train), dataset)
    first = network.conv(image)
    second = network.fc1((first * first).flatten(1))
    logits = network.fc2(second * second)
    return {name: round(values.abs().max().item(), 3)
            for name, values in (("before_square_1", first), ("before_square_2", second), ("logits", logits))}


def write_card(path, name, recipe, provenance, accuracy, evaluation, extent):
    mean, std = MEAN_STD[recipe.dataset]
    card = {
        "name": name,
        "dataset": recipe.dataset,
        "labels": LABELS[recipe.dataset],
        "preprocess": {"width": SIDE, "height": SIDE, "color": "gray",
                       "scale": 1 / 255, "mean": [mean], "std": [std]},
        "provenance": provenance,
        "accuracy": {**accuracy, "published_clear": recipe.published_clear,
                     "published_encrypted": recipe.published_encrypted},
        "evaluation": evaluation,
        "range": extent,
    }
    path.write_text(json.dumps(card, indent=2) + "\n")


def provenance(trainer, seed, trained_on):
    return (f"training/digits, seed {seed}, {trainer.epoch} epochs of {trained_on}, "
            f"PyTorch {torch.__version__} on one thread of {processor()}, {trainer.seconds / 60:.1f} min")


def processor():
    with open("/proc/cpuinfo") as lines:
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
