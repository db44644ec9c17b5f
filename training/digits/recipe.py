"""What is trained, how, and what was published for it."""

from dataclasses import dataclass

from .augment import Deformation

DIGITS = Deformation(degrees=9, scale=0.1, shear=0.1, shift=1.3, elastic=0.5)
CLOTHES = Deformation(degrees=2, scale=0.04, shear=0.02, shift=0.7, elastic=0.15, mirror=True)
KANA = Deformation(degrees=8, scale=0.12, shear=0.12, shift=1.8, elastic=0.7)


@dataclass(frozen=True)
class Recipe:
    dataset: str
    channels: int
    kernel: int
    published_clear: float
    published_encrypted: float
    deformation: Deformation
    epochs: int
    learning_rate: float = 4e-3
    weight_decay: float = 0.5
    smoothing: float = 0.05
    batch: int = 256


RECIPES = {
    "tenseal-mnist": Recipe("mnist", 4, 7, 97.79, 97.44, DIGITS, 24),
    "tenseal-fashion": Recipe("fashion-mnist", 4, 7, 86.90, 86.99, CLOTHES, 14),
    "tenseal-kmnist": Recipe("kmnist", 4, 7, 89.11, 88.99, KANA, 40),
    "cryptondl-mnist": Recipe("mnist", 12, 7, 98.33, 98.32, DIGITS, 18),
    "cryptondl-fashion": Recipe("fashion-mnist", 12, 3, 88.08, 88.11, CLOTHES, 10),
    "cryptondl-kmnist": Recipe("kmnist", 12, 7, 91.97, 92.07, KANA, 25),
}
