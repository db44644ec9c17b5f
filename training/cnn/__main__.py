"""python3 -m cnn [NAME...]: trains networks of the zoo and writes their ONNX files and cards."""

import argparse
import os
from pathlib import Path

import torch

from digits.data import FOLDS

from .data import is_cross_validated, load
from .export import noise_ranges, provenance, ranges, write_card, write_onnx
from .recipe import RECIPES
from .train import Trainer, evaluate

ROOM = Path(__file__).resolve().parents[1]


def train(name, held_out, options):
    recipe = RECIPES[name]
    training, validation, test = load(options.data, recipe.dataset, held_out)
    print(f"{name}: {len(training)} images to train on, {len(validation)} held out", flush=True)
    trainer = Trainer(recipe, training, options.seed, options.runs / f"{name}-{held_out}.pt")
    network = trainer.run(validation)
    return network, trainer.seconds, training, test


def publish(name, options):
    """Trains a network (on every fold where there are folds) and writes it to the zoo."""
    recipe = RECIPES[name]
    network, seconds, training, test = train(name, 0, options)
    reached = evaluate(network, test, recipe.dataset)
    figures, evaluation = {"clear": round(reached, 2)}, {"split": "test"}
    trained_on = f"{len(training)} official training images"
    if is_cross_validated(options.data, recipe.dataset):
        reached_by_fold = [reached]
        for held_out in range(1, FOLDS):
            other, _, _, out = train(name, held_out, options)
            reached_by_fold.append(evaluate(other, out, recipe.dataset))
        figures["cv_mean"] = round(sum(reached_by_fold) / FOLDS, 2)
        figures["fold_accuracies"] = [round(percent, 2) for percent in reached_by_fold]
        evaluation = {"split": "test", "folds": FOLDS, "held_out_fold": 0}
        trained_on = (f"the {len(training)} images in folds 1 to {FOLDS - 1} of the official test set "
                      "(the k-th image of a class is in fold k mod 5); fold 0 is held out")

    shipped = network.folded()
    options.models.mkdir(parents=True, exist_ok=True)
    write_onnx(shipped, options.models / f"{name}.onnx")
    write_card(options.models / f"{name}.json", name, recipe,
               provenance(recipe, options.seed, seconds, trained_on), figures, evaluation,
               ranges(shipped, torch.from_numpy(training.images.copy()), recipe.dataset),
               noise_ranges(shipped, recipe.dataset))
    print(f"{name}: {figures}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="cnn", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"among {', '.join(RECIPES)}; all by default")
    parser.add_argument("--data", type=Path, help="folder that holds mnist/ fashion-mnist/ kmnist/ cifar-10/",
                        default=os.environ.get("BLINDSIGHT_DATA", Path.home() / ".cache/blindsight/data"))
    parser.add_argument("--models", type=Path, default=ROOM.parent / "models", help="where the zoo is")
    parser.add_argument("--runs", type=Path, default=ROOM / "runs", help="where checkpoints are")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in RECIPES]
    if unknown:
        parser.error(f"no recipe for {', '.join(unknown)}")
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    for name in options.names or RECIPES:
        publish(name, options)


if __name__ == "__main__":
    main()
