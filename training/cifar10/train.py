"""The training loop: data and augmentation on the device, resumable from its last checkpoint."""

import copy
import time

import torch
import torch.nn.functional as F

from cnn.augment import crop, mirror
from cnn.data import MEAN_STD
from cnn.train import set_norms
from digits.checkpoint import Resumable
from digits.train import descend

from .corrupt import corrupted
from .muon import Muon
from .pretrained import adopt, load_shipped
from .schedule import Schedule
from .teacher import Teachers

AVERAGE_DECAY = 0.997
MOMENTUM = 0.9
CORRUPTED_STEPS = 4  # every so many steps, the range of corrupted images is bounded too
SETTLING_IMAGES = 10000
EVALUATION_BATCH = 500
SAVE_SECONDS = 300  # at least so often within an epoch, which takes long where others need the machine


def pixels(images):
    """Bytes as floats in [0, 1]."""
    return images.float() / 255


def normalised(images, dataset):
    mean, std = (torch.tensor(values, device=images.device).view(1, -1, 1, 1) for values in MEAN_STD[dataset])
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def norms(network):
    return [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]


class Trainer(Resumable):
    """One training run of one recipe on one split."""

    counters = ("epoch", "seconds")

    def __init__(self, recipe, train, seed, checkpoint, data, device="cpu", shipped=None):
        torch.manual_seed(seed)
        self.recipe, self.checkpoint, self.device, self.shipped = recipe, checkpoint, device, shipped
        self.images = torch.from_numpy(train.images.copy()).to(device)
        self.labels = torch.from_numpy(train.labels).to(device)
        self.network = recipe.network(*recipe.sizes)
        if recipe.start:
            self.network.fold()  # a pretrained network has no batch norms
        if shipped:
            load_shipped(self.network, shipped)
        elif recipe.start:
            adopt(self.network, data / recipe.start, recipe.dataset)
        self.network.to(device, memory_format=torch.channels_last)
        self.network.set_bounds(recipe.limit, recipe.pull, recipe.passing)
        self.averaged = copy.deepcopy(self.network)
        paths = [data / teacher for teacher in recipe.teachers]
        self.teachers = Teachers(paths, recipe.dataset, device) if recipe.distillation else None
        by_dim = {dim: [p for p in self.network.parameters() if p.dim() == dim] for dim in (1, 2, 3, 4)}
        self.optimizer = Muon([{"params": by_dim[4], "lr": recipe.turn, "turns": True, "renewed": not recipe.start},
                               {"params": by_dim[2], "lr": recipe.learning_rate, "weight_decay": recipe.weight_decay},
                               {"params": by_dim[1] + by_dim[3], "lr": recipe.learning_rate}], MOMENTUM)
        self.steps = len(train) // recipe.batch
        self.schedule = Schedule(self.optimizer, recipe.warm_up * self.steps, recipe.epochs * self.steps,
                                 recipe.decay * self.steps)
        self.epoch, self.seconds = 0, 0.0
        if checkpoint.exists():
            self.restore()

    def end_within(self, epochs, top=None):
        """Lets the learning rate fall from here on (and from `top` of its full height, if that is given), or goes on
        with what did so before. The run stays as it is."""
        self.checkpoint = self.checkpoint.with_name(f"{self.checkpoint.stem}-decay{epochs}.pt")
        if self.checkpoint.exists():
            self.restore()
        else:
            self.schedule.begin_decay(epochs * self.steps, top)

    def autocast(self):
        return torch.autocast(torch.device(self.device).type, torch.bfloat16)

    def loss(self, images, labels):
        """Of images in [0, 1]: against the labels, and against what the teachers say."""
        recipe = self.recipe
        with self.autocast():
            answer = self.teachers(images) if self.teachers else None
            logits = self.network(normalised(images, recipe.dataset)).float()
        of_labels = F.cross_entropy(logits, labels, label_smoothing=recipe.smoothing)
        if answer is None:
            return of_labels, logits
        soft = F.kl_div(F.log_softmax(logits / recipe.temperature, 1), F.log_softmax(answer / recipe.temperature, 1),
                        reduction="batchmean", log_target=True) * recipe.temperature**2
        return torch.lerp(of_labels, soft, recipe.distillation), logits

    def range_loss(self, images):
        """Zero, but its derivative bounds the values of corrupted images, from which the batch norms do not learn."""
        set_norms(self.network, False)
        with self.autocast():
            logits = self.network(normalised(corrupted(images), self.recipe.dataset))
        set_norms(self.network, True)
        return 0 * logits.float().sum()

    def step(self, chosen):
        recipe, taken = self.recipe, self.schedule.taken
        images, labels = mirror(pixels(crop(self.images[chosen], recipe.margin))), self.labels[chosen]
        if recipe.mixed:
            images = torch.lerp(images, images.flip(0), torch.rand(len(images), 1, 1, 1, device=images.device))
        loss, logits = self.loss(images, labels)
        total = loss
        if recipe.corrupted and self.epoch > 0 and taken % CORRUPTED_STEPS == 0:
            total = loss + self.range_loss(images[:recipe.corrupted])
        descend(self, total, taken, AVERAGE_DECAY)
        return loss.detach(), (logits.detach().argmax(1) == labels).float().mean()

    def finish_epoch(self):
        """Takes what the epoch has left of its steps, in an order that only the epoch decides: resumable anywhere."""
        batch, results, started = self.recipe.batch, [], time.monotonic()
        order = torch.randperm(len(self.labels), generator=torch.Generator().manual_seed(self.epoch)).to(self.device)
        self.network.train()
        for at in range(self.schedule.taken % self.steps, self.steps):
            results.append(self.step(order[at * batch:(at + 1) * batch]))
            ended = at + 1 == self.steps
            if ended or time.monotonic() - started > SAVE_SECONDS:
                self.epoch += ended
                self.seconds += time.monotonic() - started
                started = time.monotonic()
                self.save()
        return results

    def run(self, validation):
        """Trains to the end of the schedule and returns the averaged network."""
        while self.schedule.taken < self.schedule.last:
            losses, rights = zip(*self.finish_epoch())
            accuracy, largest, largest_corrupted = self.examine(validation)
            print(f"epoch {self.epoch:4d}  {self.seconds:6.0f} s  turn {self.optimizer.param_groups[0]['lr']:.4f}  "
                  f"loss {torch.stack(losses).mean():.4f}  trained {100 * torch.stack(rights).mean():.2f}  "
                  f"validation {accuracy:.2f}  largest {largest:.3g}, corrupted {largest_corrupted:.3g}", flush=True)
        return self.result()

    @torch.no_grad()
    def examine(self, validation):
        """Accuracy of the averaged network on the validation images, its largest values there and on corrupted ones."""
        shipped, right, largest = self.result().folded(), 0, 0.0
        parts = (validation.images, validation.labels)
        images, labels = (torch.from_numpy(part.copy()).to(self.device) for part in parts)
        for chosen in torch.arange(len(labels), device=self.device).split(EVALUATION_BATCH):
            clean = pixels(images[chosen])
            right += (shipped(normalised(clean, self.recipe.dataset)).argmax(1) == labels[chosen]).sum().item()
            largest = max(largest, shipped.largest())
        with torch.random.fork_rng():
            shipped(normalised(corrupted(clean), self.recipe.dataset))
        return 100 * right / len(labels), largest, shipped.largest()

    @torch.no_grad()
    def result(self):
        """The averaged network with batch norm statistics of its own, from cropped images, values being bounded."""
        network = copy.deepcopy(self.averaged).train()
        for norm in norms(network):
            norm.reset_running_stats()
            norm.momentum = None
        with torch.random.fork_rng(), self.autocast():
            for batch in self.images[torch.randperm(len(self.images))[:SETTLING_IMAGES]].split(EVALUATION_BATCH):
                network(normalised(pixels(crop(batch, self.recipe.margin)), self.recipe.dataset))
        return network.eval()
