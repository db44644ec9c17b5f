"""What the card of a trained network says about it."""

import torch

from cnn.export import ranges
from digits.export import processor

from .corrupt import corrupted
from .train import pixels

CORRUPTED_IMAGES = 10000
LEFT_OUT = 1000  # one image in so many may go beyond the range: those of quadratic networks can overflow


def hardware(device):
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"{count} thread{'s' if count > 1 else ''} of {processor()}"


def provenance(trainer, seed, trained_on):
    decayed = trainer.schedule.decayed() // trainer.steps
    start = trainer.shipped or trainer.recipe.start
    begun = f"from {start}, " if start else ""
    return (f"training/cifar10, {begun}seed {seed}, {trainer.epoch} epochs of {trained_on}, the last {decayed} at a "
            f"falling learning rate, taught by {' and '.join(trainer.recipe.teachers)}, PyTorch {torch.__version__} on "
            f"{hardware(trainer.device)}, {trainer.seconds / 60:.0f} min")


def extents(shipped, training, dataset):
    """Largest magnitudes over the images trained on but the wildest, and over corrupted ones."""
    torch.manual_seed(0)
    images = torch.from_numpy(training.images.copy())
    chosen = images[torch.randperm(len(images))[:CORRUPTED_IMAGES]]
    usual = ranges(shipped, images, dataset, len(images) // LEFT_OUT)
    return usual, ranges(shipped, corrupted(pixels(chosen)), dataset)
