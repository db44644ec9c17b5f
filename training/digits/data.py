"""The idx data sets, and what is trained on and what is held out."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .fold import folds

FOLDS = 5
VALIDATION_FOLDS = 12  # one twelfth of an official training set (5,000 images) selects settings

LABELS = {
    "mnist": [str(digit) for digit in range(10)],
    "fashion-mnist": ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                      "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
    "kmnist": ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
}
MEAN_STD = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530), "kmnist": (0.1904, 0.3475)}


@dataclass
class Split:
    """Images (N×28×28 bytes) and labels."""

    images: np.ndarray
    labels: np.ndarray

    def take(self, chosen):
        return Split(self.images[chosen], self.labels[chosen])

    def __len__(self):
        return len(self.labels)


def read_idx(path):
    """An idx file of unsigned bytes as an array."""
    raw = gzip.decompress(Path(path).read_bytes())
    if raw[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: not an idx file of unsigned bytes")
    shape = np.frombuffer(raw, ">u4", raw[3], 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def read_split(folder, prefix):
    return Split(read_idx(folder / f"{prefix}-images-idx3-ubyte.gz"),
                 read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz").astype(np.int64))


def has_training_images(root, dataset):
    return (Path(root) / dataset / "train-images-idx3-ubyte.gz").exists()


def load(root, dataset, held_out):
    """(training, validation, test) splits.

    With official training images, one twelfth of them is the validation set and the test set is the
    official one. Without them, the test set is cut into five folds: `held_out` is both the
    validation and the test set, the other four are trained on.
    """
    folder = Path(root) / dataset
    test = read_split(folder, "t10k")
    if has_training_images(root, dataset):
        train = read_split(folder, "train")
        fold = folds(train.labels, VALIDATION_FOLDS)
        return train.take(fold != 0), train.take(fold == 0), test
    fold = folds(test.labels, FOLDS)
    rest, out = test.take(fold != held_out), test.take(fold == held_out)
    return rest, out, out
