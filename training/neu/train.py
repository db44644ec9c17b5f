"""The training loop: everything in memory, resumable from its last checkpoint."""

import copy
import time

import torch
import torch.nn.functional as F

from digits.checkpoint import Resumable
from digits.train import beyond, descend

from .augment import versions
from .network import Trained

AVERAGE_DECAY = 0.995
CHECKPOINT_EPOCHS = 10
MEAN, STD = 0.5, 0.29  # of an equalised image: its levels are spread evenly


def normalised(images):
    """N×112×112 bytes as N×1×112×112 floats."""
    return ((images.float() / 255 - MEAN) / STD).unsqueeze(1)


@torch.no_grad()
def logits_of(network, images):
    return torch.cat([network.eval()(normalised(batch))[0] for batch in images.split(90)])


def score(network, images, labels):
    """Percent right, and mean cross-entropy."""
    logits = logits_of(network, images)
    return 100 * (logits.argmax(1) == labels).float().mean().item(), F.cross_entropy(logits, labels).item()


class Trainer(Resumable):
    """One training run."""

    def __init__(self, recipe, train, seed, checkpoint):
        torch.manual_seed(seed)
        self.recipe, self.checkpoint = recipe, checkpoint
        self.images = torch.from_numpy(versions(train.images, recipe.versions, seed))
        self.labels = torch.from_numpy(train.labels)
        network = Trained(recipe.channels, recipe.features, recipe.hidden, recipe.relu)
        self.network = network.to(memory_format=torch.channels_last)
        self.averaged = copy.deepcopy(self.network)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), weight_decay=recipe.weight_decay)
        self.steps = len(train) // recipe.batch
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, recipe.learning_rate, epochs=recipe.epochs, steps_per_epoch=self.steps, pct_start=0.15)
        self.epoch, self.seconds = 0, 0.0
        if checkpoint.exists():
            self.restore()

    def batch(self, chosen):
        """One version of each image, half of them mirrored."""
        images = self.images[torch.randint(0, len(self.images), (len(chosen),)), chosen]
        mirrored = torch.rand(len(chosen)) < 0.5
        images[mirrored] = images[mirrored].flip(2)
        return normalised(images)

    def step(self, chosen):
        recipe = self.recipe
        logits, entering = self.network(self.batch(chosen))
        loss = F.cross_entropy(logits, self.labels[chosen], label_smoothing=recipe.smoothing)
        if not recipe.relu:
            loss = loss + recipe.pull * sum(beyond(values) for values in entering)
        descend(self, loss, self.schedule.last_epoch, AVERAGE_DECAY)

    def run(self, validation=None):
        """Trains to the end and returns the averaged network. `validation`: images, labels to report on."""
        while self.epoch < self.recipe.epochs:
            started = time.monotonic()
            self.network.train()
            order = torch.randperm(len(self.labels))
            for i in range(self.steps):
                self.step(order[i * self.recipe.batch:(i + 1) * self.recipe.batch])
            self.epoch += 1
            self.seconds += time.monotonic() - started
            if self.epoch % CHECKPOINT_EPOCHS == 0 or self.epoch == self.recipe.epochs:
                self.save()
                report = ""
                if validation:
                    report = "  validation {:.2f} loss {:.3f}".format(*score(self.averaged, *validation))
                print(f"epoch {self.epoch:4d}  {self.seconds:6.0f} s{report}", flush=True)
        return self.averaged.eval()
