"""NEU surface defects: files, the split by file name hash, what the client does to an image."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

DATASET = "neu-cls"
LABELS = ["crazing", "inclusion", "patches", "pitted_surface", "rolled-in_scale", "scratches"]
SIDE, CHUNK = 112, 28
SUFFIXES = {".png", ".jpg", ".jpeg", ".pgm", ".ppm", ".bmp"}
SPLIT_LIST = Path(__file__).with_name("split.csv")


@dataclass
class Part:
    """Gray images as they lie in the files (N×200×200 bytes) and labels."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)


def joined(a, b):
    return Part(np.concatenate([a.images, b.images]), np.concatenate([a.labels, b.labels]))


def part_of(names):
    """Which part each file of one class belongs to: in the order of the SHA-256 of their names, the first tenth is the
    test part, the second the validation part, the rest is trained on. What `blindsight` does (vision/folder.cpp)."""
    order = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    tenth = len(order) // 10
    parts = ["test"] * tenth + ["validation"] * tenth + ["train"] * (len(order) - 2 * tenth)
    return dict(zip(order, parts))


def files(root):
    """{part: [(path below the data set's folder, label)]}, refusing a split other than the one on record."""
    folder = Path(root) / DATASET
    found = {"train": [], "validation": [], "test": []}
    for label, name in enumerate(LABELS):
        names = [file.name for file in (folder / name).iterdir() if file.suffix.lower() in SUFFIXES]
        for file, part in sorted(part_of(names).items()):
            found[part].append((f"{name}/{file}", label))
    listed = dict(line.split(",") for line in SPLIT_LIST.read_text().split()[1:])
    if listed != {file: part for part, some in found.items() for file, _ in some}:
        raise SystemExit(f"{folder} does not hold the files that {SPLIT_LIST} lists")
    return found


def load(root):
    """{part: Part}."""
    parts = {}
    for part, some in files(root).items():
        images = [cv2.imread(str(Path(root) / DATASET / file), cv2.IMREAD_GRAYSCALE) for file, _ in some]
        parts[part] = Part(np.stack(images), np.array([label for _, label in some]))
    return parts


def prepared(image):
    """What the client does, with the same library: 112×112 pixels, equalised histogram."""
    return cv2.equalizeHist(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
