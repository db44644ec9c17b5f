"""The command that trains networks of the zoo and writes their ONNX files and cards."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import torch

from .data import FOLDS

PREVIEW_IMAGES = 1000  # a preview's ranges are over these
ROOM = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Kit:
    """What differs between families of networks."""

    name: str
    description: str
    datasets: str  # folders, as the help names them
    recipes: dict
    load: Callable
    is_cross_validated: Callable
    trainer: Callable  # of (recipe, training part, options, checkpoint)
    accuracy: Callable
    write_onnx: Callable
    write_card: Callable
    provenance: Callable
    extents: Callable  # of (shipped network, training part, data set): what write_card takes last
    add_arguments: Callable = lambda parser: None  # adds the family's own options


def train(kit, name, held_out, options):
    recipe = kit.recipes[name]
    training, validation, test = kit.load(options.data, recipe.dataset, held_out)
    print(f"{name}: {len(training)} images to train on, {len(validation)} held out", flush=True)
    trainer = kit.trainer(recipe, training, options, options.runs / f"{name}-{held_out}.pt")
    network = trainer.result() if options.preview else trainer.run(validation)
    return network, trainer, training, validation if options.preview else test


def publish(kit, name, options):
    """Trains a network (on every fold where there are folds) and writes it to the zoo."""
    recipe = kit.recipes[name]
    network, trainer, training, test = train(kit, name, 0, options)
    reached = kit.accuracy(network, test, recipe.dataset)
    figures, evaluation = {"clear": round(reached, 2)}, {"split": "train" if options.preview else "test"}
    trained_on = f"{len(training)} official training images"
    if kit.is_cross_validated(options.data, recipe.dataset):
        reached_by_fold = [reached]
        for held_out in range(1, FOLDS):
            other, _, _, out = train(kit, name, held_out, options)
            reached_by_fold.append(kit.accuracy(other, out, recipe.dataset))
        figures["cv_mean"] = round(sum(reached_by_fold) / FOLDS, 2)
        figures["fold_accuracies"] = [round(percent, 2) for percent in reached_by_fold]
        evaluation = {"split": "test", "folds": FOLDS, "held_out_fold": 0}
        trained_on = (f"the {len(training)} images in folds 1 to {FOLDS - 1} of the official test set "
                      "(the k-th image of a class is in fold k mod 5); fold 0 is held out")

    shipped = network.folded()
    measured = training.take(slice(PREVIEW_IMAGES)) if options.preview else training
    options.models.mkdir(parents=True, exist_ok=True)
    kit.write_onnx(shipped, options.models / f"{name}.onnx")
    kit.write_card(options.models / f"{name}.json", name, recipe,
                   kit.provenance(trainer, options.seed, trained_on), figures, evaluation,
                   *kit.extents(shipped, measured, recipe.dataset))
    print(f"{name}: {figures}", flush=True)


def main(kit):
    parser = argparse.ArgumentParser(prog=kit.name, description=kit.description)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"among {', '.join(kit.recipes)}; all by default")
    parser.add_argument("--data", type=Path, help=f"folder that holds {kit.datasets}",
                        default=os.environ.get("BLINDSIGHT_DATA", Path.home() / ".cache/blindsight/data"))
    parser.add_argument("--models", type=Path, default=ROOM.parent / "models", help="where the zoo is")
    parser.add_argument("--runs", type=Path, default=ROOM / "runs", help="where checkpoints are")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--preview", action="store_true", help="train no further: write what the last checkpoint has, "
                        "with its accuracy on the validation images; the test set stays untouched")
    kit.add_arguments(parser)
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in kit.recipes]
    if unknown:
        parser.error(f"no recipe for {', '.join(unknown)}")
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    for name in options.names or kit.recipes:
        publish(kit, name, options)
