"""What is trained, and how."""

from dataclasses import dataclass

SEEDS = (1, 2, 3)  # accuracy is reported over all of them; the one best on the validation part is trained anew on both


@dataclass(frozen=True)
class Recipe:
    """Adam with decoupled weight decay, one cycle of the learning rate, cross-entropy with smoothed labels."""

    dataset: str = "neu-cls"
    channels: int = 16
    features: int = 64
    hidden: int = 64
    relu: bool = False  # the plain baseline: the same layers, ReLU instead of squares
    epochs: int = 80
    versions: int = 16  # of every training image, one of them as it is
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    smoothing: float = 0.05
    batch: int = 48
    pull: float = 0.02  # weight of the penalty on values that leave the comfortable range before a square


RECIPES = {"neu": Recipe(), "neu-relu": Recipe(relu=True, epochs=40)}
