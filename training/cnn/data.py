"""CIFAR-10's records beside the idx data sets; what is trained on and what is held out."""

import lzma
from pathlib import Path

import numpy as np

from digits import data as idx
from digits.data import VALIDATION_FOLDS, Split, has_training_images
from digits.fold import folds

RECORD = 1 + 3 * 32 * 32

LABELS = {**idx.LABELS,
          "cifar-10": ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]}
MEAN_STD = {**{name: ([mean], [std]) for name, (mean, std) in idx.MEAN_STD.items()},
            "cifar-10": ([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616])}


def read_records(paths):
    """CIFAR-10's binary version, packed or not, as a split of N×3×32×32 bytes."""
    raw = b"".join(lzma.open(path).read() if path.suffix == ".xz" else path.read_bytes() for path in paths)
    if not raw or len(raw) % RECORD:
        raise ValueError(f"{paths[0]}: not CIFAR-10 records")
    records = np.frombuffer(raw, np.uint8).reshape(-1, RECORD)
    return Split(records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64))


def read_test(root, dataset):
    """The official test images, N×C×H×W."""
    if dataset == "cifar-10":
        return read_records([packed(root, "test_batch")])
    split = idx.read_split(Path(root) / dataset, "t10k")
    return Split(split.images[:, None], split.labels)


def packed(root, name):
    path = Path(root) / "cifar-10" / f"{name}.bin"
    return path if path.exists() else path.with_suffix(".bin.xz")


def load(root, dataset, held_out):
    """(training, validation, test) splits, as digits.data.load has them, of N×C×H×W bytes."""
    if dataset != "cifar-10":
        return [Split(split.images[:, None], split.labels) for split in idx.load(root, dataset, held_out)]
    train = read_records([packed(root, f"data_batch_{i}") for i in range(1, 6)])
    fold = folds(train.labels, VALIDATION_FOLDS)
    return train.take(fold != 0), train.take(fold == 0), read_test(root, dataset)


def is_cross_validated(root, dataset):
    """Whether training images are missing, so that folds of the test set stand in for them."""
    return dataset != "cifar-10" and not has_training_images(root, dataset)
