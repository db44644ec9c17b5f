"""python3 -m cnn [NAME...]: trains networks of the zoo and writes their ONNX files and cards."""

import torch

from digits.command import Kit, main

from .data import is_cross_validated, load
from .export import noise_ranges, provenance, ranges, write_card, write_onnx
from .recipe import RECIPES
from .train import Trainer, evaluate


def extents(shipped, training, dataset):
    return ranges(shipped, torch.from_numpy(training.images.copy()), dataset), noise_ranges(shipped, dataset)


if __name__ == "__main__":
    main(Kit(name="cnn", description=__doc__, datasets="mnist/ fashion-mnist/ kmnist/ cifar-10/", recipes=RECIPES,
             load=load, is_cross_validated=is_cross_validated, accuracy=evaluate,
             trainer=lambda recipe, train, options, checkpoint: Trainer(recipe, train, options.seed, checkpoint),
             write_onnx=write_onnx, write_card=write_card, provenance=provenance, extents=extents))
