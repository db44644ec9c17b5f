"""python3 -m neu: trains the steel defect network over several seeds, and its ReLU twin; then once more with the seed
that is best on the validation part, on the training and validation parts together, and writes that one's ONNX files
and cards."""

import argparse
import os
import statistics
from pathlib import Path

import torch

from digits.command import ROOM

from .data import joined, load, prepared
from .export import agreement, provenance, ranges, write
from .recipe import RECIPES, SEEDS
from .train import Trainer, score


def tensors(part):
    return torch.stack([torch.from_numpy(prepared(image)) for image in part.images]), torch.from_numpy(part.labels)


def summary(percents):
    return {"seeds": [round(p, 2) for p in percents], "mean": round(statistics.mean(percents), 2),
            "spread": round(statistics.stdev(percents), 2)}


def runs_of(name, parts, options):
    """[(validation percent, −validation loss, test percent, seed)], best first."""
    validation, test = tensors(parts["validation"]), tensors(parts["test"])
    done = []
    for seed in SEEDS:
        print(f"{name}, seed {seed}", flush=True)
        trainer = Trainer(RECIPES[name], parts["train"], seed, options.runs / f"{name}-{seed}.pt")
        network = trainer.run(validation)
        percent, loss = score(network, *validation)
        done.append((percent, -loss, score(network, *test)[0], seed))
    return sorted(done, key=lambda run: run[:2], reverse=True)


def publish(parts, seed, accuracy, options):
    """Trains what is shipped. `accuracy`: figures of the seeds, for the cards."""
    print(f"neu, seed {seed}, on both parts", flush=True)
    trainer = Trainer(RECIPES["neu"], joined(parts["train"], parts["validation"]), seed,
                      options.runs / f"neu-{seed}-shipped.pt")
    network = trainer.run()
    accuracy = {"clear": round(score(network, *tensors(parts["test"]))[0], 2), **accuracy}
    images = torch.cat([tensors(parts[part])[0] for part in ("train", "validation")])
    print(f"seed {seed}: {accuracy}; exported logits differ by {agreement(network, images[:20]):.1e}", flush=True)
    write(network, options.models, provenance(RECIPES["neu"], seed, trainer.seconds, len(images)), accuracy,
          ranges(network, images))


def main():
    parser = argparse.ArgumentParser(prog="neu", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder that holds neu-cls/",
                        default=os.environ.get("BLINDSIGHT_DATA", Path.home() / ".cache/blindsight/data"))
    parser.add_argument("--models", type=Path, default=ROOM.parent / "models", help="where the zoo is")
    parser.add_argument("--runs", type=Path, default=ROOM / "runs", help="where checkpoints are")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    parts = load(options.data)
    quadratic, relu = runs_of("neu", parts, options), runs_of("neu-relu", parts, options)
    accuracy = {key: summary([run[2] for run in sorted(done, key=lambda run: run[3])])
                for key, done in (("seeds", quadratic), ("relu", relu))}
    publish(parts, quadratic[0][3], accuracy, options)


if __name__ == "__main__":
    main()
