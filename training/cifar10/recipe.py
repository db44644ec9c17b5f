"""What is trained, and how."""

from dataclasses import dataclass

from cnn.network import BOUND

from .network import FastNet, ResNet


@dataclass(frozen=True)
class Recipe:
    """Muon for the convolutions, SGD with Nesterov momentum for the rest; weight decay for the dense layer alone.

    The learning rates rise for `warm_up` epochs, stay, and fall to zero over the last `decay` of `epochs`, or
    whenever the command line says so.
    """

    network: type
    sizes: tuple
    epochs: int = 200
    decay: int = 40
    warm_up: float = 1
    turn: float = 0.05  # learning rate of convolutions: by how much a step turns them
    learning_rate: float = 0.1  # of the rest
    weight_decay: float = 5e-4
    batch: int = 256
    margin: int = 4  # pixels by which images are shifted at most
    limit: float = BOUND  # beyond which values are cut off while training
    passing: bool = True  # the derivative passes that cut
    pull: float = 0.05  # weight of the penalty on values that leave the bounds
    corrupted: int = 32  # images whose values are bounded too, every fourth step
    smoothing: float = 0.05
    teachers: tuple = ("models/resnet20-relu-lowmem.onnx", "models/ace-resnet20_cifar10_pre.onnx")  # where the data is
    distillation: float = 0.7  # weight of the teachers' answer, the label having the rest
    temperature: float = 3.0
    mixed: bool = False  # pairs of images are blended
    start: str = ""  # a pretrained network there, for the weights to begin with
    dataset: str = "cifar-10"


RECIPES = {
    "fast-cifar10": Recipe(FastNet, (64, 256, 2, 1)),
    "resnet20-cifar10": Recipe(ResNet, (16, 3), epochs=64, decay=64, warm_up=0.1, turn=0.002, learning_rate=0.001,
                               limit=16.0, passing=False, corrupted=0, distillation=1.0, mixed=True,
                               start="models/resnet20-quadratic-aespa.onnx"),
}
