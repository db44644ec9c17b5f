"""ONNX files and cards of the trained weights: one network for a group of chunks, one for a whole image."""

import json

import torch

from digits.export import processor

from .data import CHUNK, DATASET, LABELS, SIDE
from .network import Shipped
from .train import MEAN, STD, normalised

OPSET = 13
GROUP = 4  # chunks that one input of the chunk network holds: as many as fit the slots at N = 2^13
PLACES = SIDE // CHUNK


def forms(trained):
    """{name: (network, columns, rows)}"""
    return {"neu-chunks": (Shipped(trained, 1, GROUP).eval(), 1, GROUP),
            "neu-image": (Shipped(trained, PLACES, PLACES).eval(), PLACES, PLACES)}


@torch.no_grad()
def agreement(trained, images):
    """The largest difference of a logit between the trained network and the exported one of whole images."""
    shipped = forms(trained)["neu-image"][0]
    some = normalised(images)
    return max((shipped(image[None]) - trained(image[None])[0]).abs().max().item() for image in some)


@torch.no_grad()
def ranges(trained, images):
    """Largest magnitudes, over these images, that an encrypted run has to hold."""
    largest = {}
    for batch in images.split(90):
        logits, entering = trained(normalised(batch))
        values = {f"before_square_{i + 1}": v for i, v in enumerate(entering)}
        for name, value in {**values, "logits": logits}.items():
            largest[name] = max(largest.get(name, 0), round(value.abs().max().item(), 3))
    return largest


def write(trained, folder, provenance, accuracy, extent):
    for name, (network, columns, rows) in forms(trained).items():
        width, height = columns * CHUNK, rows * CHUNK
        torch.onnx.export(network, torch.zeros(1, 1, height, width), str(folder / f"{name}.onnx"), opset_version=OPSET,
                          input_names=["image"], output_names=["logits"])
        card = {
            "name": name,
            "dataset": DATASET,
            "labels": LABELS,
            "preprocess": {"width": width, "height": height, "color": "gray", "scale": 1 / 255,
                           "mean": [MEAN], "std": [STD], "equalise": True},
            "provenance": provenance,
            "accuracy": accuracy,
            "evaluation": {"split": "test"},
            "range": extent,
        }
        if name == "neu-chunks":
            card["chunks"] = {"image_width": SIDE, "image_height": SIDE, "group": GROUP, "whole": "neu-image"}
        (folder / f"{name}.json").write_text(json.dumps(card, indent=2) + "\n")


def provenance(recipe, seed, seconds, images):
    return (f"training/neu, seed {seed}, {recipe.epochs} epochs of {images} images, "
            f"PyTorch {torch.__version__} on one thread of {processor()}, {seconds / 60:.0f} min")
