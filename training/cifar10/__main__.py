"""python3 -m cifar10 [NAME...]: trains networks of the zoo and writes their ONNX files and cards."""

from pathlib import Path

from cnn.data import load
from cnn.export import write_card, write_onnx
from cnn.train import evaluate
from digits.command import Kit, main

from .export import extents, provenance
from .recipe import RECIPES
from .train import Trainer


def accuracy(network, split, dataset):
    return evaluate(network.cpu(), split, dataset)


def add_arguments(parser):
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--decay", type=int, metavar="EPOCHS", help="let the learning rate fall to zero over so many "
                        "epochs, from the last checkpoint on, which itself is left as it is")
    parser.add_argument("--from", type=Path, dest="start", metavar="FILE", help="what --decay begins from: a "
                        "checkpoint, by default the run's own, or a shipped ONNX file of the same architecture; where "
                        "the learning rate is zero, it rises again")
    parser.add_argument("--top", type=float, help="where the fall begins, as a part of the full learning rate")


def trainer(recipe, training, options, checkpoint):
    shipped = options.start if options.start and options.start.suffix == ".onnx" else None
    begun = checkpoint.with_name(f"{checkpoint.stem}-shipped.pt") if shipped else options.start or checkpoint
    made = Trainer(recipe, training, options.seed, begun, options.data, options.device, shipped)
    if options.decay:
        made.end_within(options.decay, options.top)
    return made


if __name__ == "__main__":
    main(Kit(name="cifar10", description=__doc__, datasets="cifar-10/ models/", recipes=RECIPES, load=load,
             is_cross_validated=lambda data, dataset: False, trainer=trainer, accuracy=accuracy,
             write_onnx=write_onnx, write_card=write_card, provenance=provenance, extents=extents,
             add_arguments=add_arguments))
