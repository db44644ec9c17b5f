"""What is trained, and how."""

from dataclasses import dataclass
from typing import Optional

from digits.augment import Deformation
from digits.recipe import CLOTHES, DIGITS, KANA

from .network import ColourNet, LeNet


@dataclass(frozen=True)
class Recipe:
    """`learning_rate`, momentum 0.9, cosine decay after one epoch of warm-up; weight decay on weights alone."""

    dataset: str
    network: type
    sizes: tuple
    epochs: int
    deformation: Optional[Deformation] = None  # else images are mirrored and
    margin: int = 4  # shifted by up to so many pixels, which leaves them sharp
    cutout: int = 0  # side of a black square
    learning_rate: float = 0.05
    weight_decay: float = 5e-4
    smoothing: float = 0.05
    batch: int = 128
    pull: float = 0.05  # weight of the penalty on values that leave the bounds
    bfloat16: bool = False  # the linear layers while training; never in what is evaluated or shipped


RECIPES = {
    "lenet-mnist": Recipe("mnist", LeNet, (16, 32, 64), 8, DIGITS, pull=0.01, bfloat16=True),
    "lenet-fashion": Recipe("fashion-mnist", LeNet, (24, 48, 64), 30, CLOTHES, pull=0.01, bfloat16=True),
    "lenet-kmnist": Recipe("kmnist", LeNet, (16, 32, 64), 24, KANA, pull=0.01, bfloat16=True),
    "cnn-cifar10": Recipe("cifar-10", ColourNet, (32, 64), 48, bfloat16=True),
}
