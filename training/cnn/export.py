"""ONNX file and card of a trained network."""

import json

import torch

from digits.export import processor

from .augment import noise
from .data import LABELS, MEAN_STD
from .train import EVALUATION_BATCH, normalised, pixels

OPSET = 13
NOISE_IMAGES = 4000


def write_onnx(network, path):
    torch.onnx.export(network, torch.zeros(1, *network.input_shape), str(path), opset_version=OPSET,
                      input_names=["image"], output_names=["logits"])


@torch.no_grad()
def ranges(network, images, dataset, left_out=0):
    """Largest magnitudes that an encrypted run of these images (in [0, 1]) has to hold, all but the `left_out` wildest for
    each value; what overflows counts as the largest float."""
    largest = {}
    for batch in images.split(EVALUATION_BATCH):
        logits = network(normalised(pixels(batch) if batch.dtype == torch.uint8 else batch, dataset))
        values = {f"before_square_{i + 1}": u for i, u in enumerate(network.entering_squares())}
        for name, value in {**values, "logits": logits}.items():
            magnitudes = value.abs().nan_to_num(nan=torch.finfo(value.dtype).max).flatten(1).amax(1)
            largest.setdefault(name, []).append(magnitudes)
    return {name: round(torch.cat(parts).sort()[0][-1 - left_out].item(), 3) for name, parts in largest.items()}


def noise_ranges(network, dataset):
    """The same over images unlike any of the data set."""
    torch.manual_seed(0)
    return ranges(network, noise(NOISE_IMAGES, network.input_shape), dataset)


def write_card(path, name, recipe, provenance, accuracy, evaluation, extent, noise_extent):
    mean, std = MEAN_STD[recipe.dataset]
    channels, height, width = recipe.network.input_shape
    card = {
        "name": name,
        "dataset": recipe.dataset,
        "labels": LABELS[recipe.dataset],
        "preprocess": {"width": width, "height": height, "color": "rgb" if channels == 3 else "gray",
                       "scale": 1 / 255, "mean": mean, "std": std},
        "provenance": provenance,
        "accuracy": accuracy,
        "evaluation": evaluation,
        "range": extent,
        "range_noise": noise_extent,
    }
    path.write_text(json.dumps(card, indent=2) + "\n")


def provenance(trainer, seed, trained_on):
    return (f"training/cnn, seed {seed}, {trainer.epoch} epochs of {trained_on}, "
            f"PyTorch {torch.__version__} on one thread of {processor()}, {trainer.seconds / 60:.0f} min")
