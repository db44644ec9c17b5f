"""The training loop: everything in memory, resumable from its last checkpoint."""

import copy
import math
import time

import torch
import torch.nn.functional as F

from digits.augment import deform
from digits.checkpoint import Resumable
from digits.train import descend

from .augment import crop, cutout, mirror, noise
from .data import MEAN_STD

AVERAGE_DECAY = 0.9985
MOMENTUM = 0.9
NOISE_STEPS, NOISE_IMAGES = 4, 32  # every so many steps, the range of so many noise images is bounded too
CHECKPOINT_EPOCHS = 2
SETTLING_IMAGES = 10000
EVALUATION_BATCH = 500


def pixels(images):
    """Bytes as floats in [0, 1]."""
    return images.float() / 255


def normalised(images, dataset):
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in MEAN_STD[dataset])
    return (images - mean) / std


def set_norms(network, training):
    """Batch norms use and learn from the batch, or use what they have learned."""
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.train(training)


@torch.no_grad()
def settled(network, images, recipe):
    """A copy whose batch norms have their statistics in one pass over images, values being bounded.

    Averaged weights need statistics of their own. Deformed images are blurred, so the undeformed ones serve here;
    cropped ones are sharp, and their borders, which the layers have learned to live with, belong to the statistics.
    """
    network = copy.deepcopy(network).train()
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.reset_running_stats()
            module.momentum = None
    for batch in images[torch.randperm(len(images))[:SETTLING_IMAGES]].split(EVALUATION_BATCH):
        if not recipe.deformation:
            batch = crop(batch, recipe.margin)
        network(normalised(pixels(batch), recipe.dataset))
    return network.eval()


@torch.no_grad()
def evaluate(network, split, dataset):
    """Percent of a split that the shipped form of a network classifies correctly."""
    shipped, right = network.folded(), 0
    images, labels = torch.from_numpy(split.images.copy()), torch.from_numpy(split.labels)
    for chosen in torch.arange(len(labels)).split(EVALUATION_BATCH):
        logits = shipped(normalised(pixels(images[chosen]), dataset))
        right += (logits.argmax(1) == labels[chosen]).sum().item()
    return 100 * right / len(labels)


class Trainer(Resumable):
    """One training run of one recipe on one split."""

    counters = ("epoch", "step_count", "seconds")

    def __init__(self, recipe, train, seed, checkpoint):
        torch.manual_seed(seed)
        self.recipe, self.checkpoint = recipe, checkpoint
        self.images, self.labels = torch.from_numpy(train.images.copy()), torch.from_numpy(train.labels)
        self.network = recipe.network(*recipe.sizes).to(memory_format=torch.channels_last)
        self.network.set_pull(recipe.pull)
        self.averaged = copy.deepcopy(self.network)
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.SGD(
            [{"params": [p for p in parameters if p.dim() != 1 and p.numel() != max(p.shape)],
              "weight_decay": recipe.weight_decay},
             {"params": [p for p in parameters if p.dim() == 1 or p.numel() == max(p.shape)]}],
            lr=recipe.learning_rate, momentum=MOMENTUM, nesterov=True)
        steps = len(train) // recipe.batch
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: min((step + 1) / steps, (1 + math.cos(math.pi * step / steps / recipe.epochs)) / 2))
        self.epoch, self.step_count, self.seconds = 0, 0, 0.0
        if checkpoint.exists():
            self.restore()

    def augmented(self, images):
        """A batch of bytes as the network sees it in training."""
        recipe = self.recipe
        if recipe.deformation:
            images = deform(pixels(images), recipe.deformation)
        else:
            images = mirror(pixels(crop(images, recipe.margin)))
        images = normalised(cutout(images, recipe.cutout), recipe.dataset)
        return images.contiguous(memory_format=torch.channels_last)

    def noise_loss(self):
        """Zero, but its derivative bounds the range of noise images, from which the batch norms do not learn."""
        set_norms(self.network, False)
        logits = self.network(normalised(noise(NOISE_IMAGES, self.network.input_shape), self.recipe.dataset))
        set_norms(self.network, True)
        return 0 * logits.float().sum()

    def step(self, chosen):
        recipe = self.recipe
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
            logits = self.network(self.augmented(self.images[chosen]))
            loss = F.cross_entropy(logits.float(), self.labels[chosen], label_smoothing=recipe.smoothing)
            if self.epoch > 0 and self.step_count % NOISE_STEPS == 0:
                loss = loss + self.noise_loss()
        descend(self, loss, self.step_count, AVERAGE_DECAY)
        self.step_count += 1
        return loss.item()

    def run(self, validation):
        """Trains to the end and returns the averaged network."""
        batch = self.recipe.batch
        while self.epoch < self.recipe.epochs:
            started = time.monotonic()
            self.network.train()
            order = torch.randperm(len(self.labels))
            losses = [self.step(order[i:i + batch]) for i in range(0, len(order) - batch + 1, batch)]
            self.epoch += 1
            self.seconds += time.monotonic() - started
            if self.epoch % CHECKPOINT_EPOCHS == 0 or self.epoch == self.recipe.epochs:
                self.save()
                print(f"epoch {self.epoch:4d}  {self.seconds:6.0f} s  loss {sum(losses) / len(losses):.4f}  validation "
                      f"{evaluate(self.result(), validation, self.recipe.dataset):.2f}", flush=True)
        return self.result()

    def result(self):
        random = torch.get_rng_state()
        network = settled(self.averaged, self.images, self.recipe)
        torch.set_rng_state(random)
        return network
