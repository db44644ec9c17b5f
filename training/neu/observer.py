"""python3 -m neu.observer: what a server that sees the index, or the clear chunks too, can tell of the test part. For
docs/selective-encryption.md."""

import argparse
import os
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from digits.command import ROOM

from .__main__ import tensors
from .data import CHUNK, LABELS, SIDE, load
from .network import CHUNKS, Trained
from .recipe import RECIPES
from .train import normalised

THRESHOLD = 100


def has_features(image):
    """Which of the 4×4 chunks have a mean gradient of at least THRESHOLD (vision/chunk_index.h)."""
    x, y = (cv2.Sobel(image, cv2.CV_32F, dx, 1 - dx, borderType=cv2.BORDER_REFLECT_101) for dx in (1, 0))
    side = SIDE // CHUNK
    return np.hypot(x, y).reshape(side, CHUNK, side, CHUNK).mean((1, 3)).reshape(-1) >= THRESHOLD


def indices(images):
    return torch.from_numpy(np.stack([has_features(image) for image in images.numpy()]))


def fitted(index, labels, steps=500):
    """A small network that guesses the class from the index alone."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(CHUNKS, 32), torch.nn.ReLU(), torch.nn.Linear(32, len(LABELS)))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2, weight_decay=1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(index.float()), labels).backward()
        optimizer.step()
    return model


@torch.no_grad()
def from_clear_chunks(network, images, clear):
    """The network's own guess from the clear chunks alone; class 0 where there are none."""
    chunks = normalised(images).unfold(2, CHUNK, CHUNK).unfold(3, CHUNK, CHUNK).reshape(-1, 1, CHUNK, CHUNK)
    second = network.norm2(network.conv2(network.activation(network.norm1(network.conv1(chunks)))))
    energies = network.activation(second).mean((2, 3)).view(len(images), CHUNKS, -1)
    some = clear.float().unsqueeze(2)
    mean = (energies * some).sum(1) / some.sum(1).clamp(min=1)
    return network.fc2(network.activation(network.norm3(network.fc1(mean)))).argmax(1)


def shares(images, clear):
    """Of pixels and of variance that lie in clear chunks, image by image."""
    chunks = images.double().unfold(1, CHUNK, CHUNK).unfold(2, CHUNK, CHUNK).reshape(len(images), CHUNKS, -1)
    spread = (chunks - chunks.mean((1, 2), keepdim=True)).square().sum(2)
    return clear.double().mean(1), (spread * clear).sum(1) / spread.sum(1)


def main():
    parser = argparse.ArgumentParser(prog="neu.observer", description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("BLINDSIGHT_DATA", Path.home() / ".cache/blindsight/data"))
    parser.add_argument("--checkpoint", type=Path, required=True, help=f"of python3 -m neu, in {ROOM / 'runs'}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    parts = load(options.data)
    train, test = tensors(parts["train"]), tensors(parts["test"])
    recipe = RECIPES["neu"]
    network = Trained(recipe.channels, recipe.features, recipe.hidden, recipe.relu)
    network.load_state_dict(torch.load(options.checkpoint)["averaged"])
    network.eval()
    index = indices(test[0])
    guess = fitted(indices(train[0]), train[1])(index.float()).argmax(1)
    print(f"class from the index alone: {100 * (guess == test[1]).float().mean():.1f} %")
    seen = from_clear_chunks(network, test[0], ~index)
    some = (~index).any(1)
    print(f"class from the clear chunks alone: {100 * (seen == test[1]).float().mean():.1f} % of all, "
          f"{100 * (seen == test[1])[some].float().mean():.1f} % of the {int(some.sum())} that have any")
    pixels, variance = shares(test[0], ~index)
    for label, name in enumerate(LABELS):
        own = test[1] == label
        print(f"{name:16} {index[own].sum(1).float().mean():5.1f} feature chunks, in the clear: "
              f"{100 * pixels[own].mean():5.1f} % of the pixels, {100 * variance[own].mean():5.1f} % of the variance")
    print(f"{'all':16} {index.sum(1).float().mean():5.1f} feature chunks, in the clear: {100 * pixels.mean():5.1f} % of "
          f"the pixels, {100 * variance.mean():5.1f} % of the variance; images without any feature chunk: "
          f"{int((index.sum(1) == 0).sum())}")


if __name__ == "__main__":
    main()
