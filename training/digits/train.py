"""The training loop: everything in memory, resumable from its last checkpoint."""

import copy
import time

import torch
import torch.nn.functional as F

from .augment import deform
from .checkpoint import Resumable
from .data import MEAN_STD
from .network import TrainedNetwork

AVERAGE_DECAY = 0.999
GRADIENT_NORM = 1.0
COMFORTABLE = 4.0  # values entering a square beyond this are pulled back
RANGE_WEIGHT = 0.02
CHECKPOINT_EPOCHS = 5


def normalised(images, dataset):
    mean, std = MEAN_STD[dataset]
    return (images - mean) / std


def pixels(split):
    """Images as N×1×28×28 floats in [0, 1]."""
    return torch.from_numpy(split.images.copy()).unsqueeze(1).float() / 255


def beyond(values):
    return F.relu(values.abs() - COMFORTABLE).square().mean()


@torch.no_grad()
def average(target, source, decay):
    """Moves the averaged network towards the trained one."""
    for kept, new in zip(target.state_dict().values(), source.state_dict().values()):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)


def descend(trainer, loss, taken, decay):
    """One step of a trainer's optimizer, its averaged network and its schedule, after `taken` others."""
    trainer.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trainer.network.parameters(), GRADIENT_NORM)
    trainer.optimizer.step()
    average(trainer.averaged, trainer.network, min(decay, (1 + taken) / (10 + taken)))
    trainer.schedule.step()


@torch.no_grad()
def accuracy(network, split, dataset):
    """Percent of a split that the shipped form of a network classifies correctly."""
    logits = network.eval().folded()(normalised(pixels(split), dataset))
    return 100 * (logits.argmax(1).numpy() == split.labels).mean()


class Trainer(Resumable):
    """One training run of one recipe on one split."""

    def __init__(self, recipe, train, seed, checkpoint):
        torch.manual_seed(seed)
        self.recipe, self.checkpoint = recipe, checkpoint
        self.images, self.labels = pixels(train), torch.from_numpy(train.labels)
        self.network = TrainedNetwork(recipe.channels, recipe.kernel)
        self.averaged = copy.deepcopy(self.network)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), weight_decay=recipe.weight_decay)
        steps = -(-len(train) // recipe.batch)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, recipe.learning_rate, epochs=recipe.epochs, steps_per_epoch=steps, pct_start=0.15)
        self.epoch, self.seconds = 0, 0.0
        if checkpoint.exists():
            self.restore()

    def step(self, chosen):
        recipe = self.recipe
        images = normalised(deform(self.images[chosen], recipe.deformation), recipe.dataset)
        logits, first, second = self.network(images)
        loss = F.cross_entropy(logits, self.labels[chosen], label_smoothing=recipe.smoothing)
        loss = loss + RANGE_WEIGHT * (beyond(first) + beyond(second))
        descend(self, loss, self.schedule.last_epoch, AVERAGE_DECAY)

    def run(self, validation):
        """Trains to the end and returns the averaged network."""
        while self.epoch < self.recipe.epochs:
            started = time.monotonic()
            self.network.train()
            for chosen in torch.randperm(len(self.labels)).split(self.recipe.batch):
                self.step(chosen)
            self.epoch += 1
            self.seconds += time.monotonic() - started
            if self.epoch % CHECKPOINT_EPOCHS == 0 or self.epoch == self.recipe.epochs:
                self.save()
                print(f"epoch {self.epoch:4d}  {self.seconds:6.0f} s  validation "
                      f"{accuracy(self.averaged, validation, self.recipe.dataset):.2f}", flush=True)
        return self.result()

    def result(self):
        return self.averaged.eval()
