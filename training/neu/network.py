"""The architecture, over images as 4×4 chunks; `Shipped` is what becomes an ONNX file: no batch norm, one chunk grid."""

import torch
import torch.nn.functional as F
from torch import nn

from .data import CHUNK, LABELS, SIDE

KERNEL, STRIDE = 7, 4  # of the convolution on pixels: 6×6 positions in a chunk of 28×28
KERNEL2 = 4  # of the second convolution, on those
POSITIONS = (CHUNK - KERNEL) // STRIDE + 1
POSITIONS2 = POSITIONS - KERNEL2 + 1
CHUNKS = (SIDE // CHUNK) ** 2
SHIFT = 1.0  # learned shift before a square, at first: keeps a linear part


def square(x):
    return x * x


def centred_square(x):
    """Half of x² − 1, which has mean 0 for a standard normal x: training starts better, and nothing is lost as all that
    follows is affine."""
    return (x * x - 1) / 2


class Trained(nn.Module):
    """Convolution, activation, convolution, activation in every chunk by itself; then the mean over all positions of all
    chunks, dense, activation, dense."""

    def __init__(self, channels, features, hidden, relu):
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, KERNEL, STRIDE, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, features, KERNEL2, bias=False)
        self.norm2 = nn.BatchNorm2d(features)
        self.fc1 = nn.Linear(features, hidden, bias=False)
        self.norm3 = nn.BatchNorm1d(hidden)
        self.fc2 = nn.Linear(hidden, len(LABELS))
        for norm in (self.norm1, self.norm2, self.norm3):
            nn.init.constant_(norm.bias, 0 if relu else SHIFT)
        self.activation = F.relu if relu else centred_square

    def forward(self, images):
        """Logits, and the values that enter the activations, of N×1×112×112."""
        chunks = images.unfold(2, CHUNK, CHUNK).unfold(3, CHUNK, CHUNK).reshape(-1, 1, CHUNK, CHUNK)
        first = self.norm1(self.conv1(chunks.contiguous(memory_format=torch.channels_last)))
        second = self.norm2(self.conv2(self.activation(first)))
        energies = self.activation(second).mean((2, 3)).view(len(images), CHUNKS, -1).mean(1)
        third = self.norm3(self.fc1(energies))
        return self.fc2(self.activation(third)), (first, second, third)


class Shipped(nn.Module):
    """The same function of a picture of `columns`×`rows` chunks, as plain convolutions, squares and dense layers: chunks
    become channels, and groups of channels share their weights. All before the last square is a mean over the chunks,
    so several pictures' values there make the whole image's."""

    def __init__(self, trained, columns, rows):
        super().__init__()
        self.columns, self.rows = columns, rows
        count = columns * rows
        conv1, conv2, fc1, fc2 = folded(trained)
        self.conv1 = grouped(conv1, count, STRIDE)
        self.conv2 = grouped(conv2, count)
        self.pool = nn.AvgPool2d(POSITIONS2, count_include_pad=False)
        self.fc1 = dense(fc1[0].repeat(1, count) / count, fc1[1])
        self.fc2 = dense(*fc2)
        self.activation = trained.activation if trained.activation is F.relu else square

    def forward(self, picture):
        count = self.columns * self.rows
        chunks = picture.reshape(1, self.rows, CHUNK, self.columns, CHUNK)
        if self.columns > 1:
            chunks = chunks.permute(0, 1, 3, 2, 4)
        x = self.activation(self.conv1(chunks.reshape(1, count, CHUNK, CHUNK)))
        x = self.pool(self.activation(self.conv2(x))).flatten(1)
        return self.fc2(self.activation(self.fc1(x)))


@torch.no_grad()
def dense(weight, bias):
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)
    return layer


def grouped(layer, count, stride=1):
    """`count` copies of a convolution, side by side."""
    weight, bias = layer
    outputs, inputs, *kernel = weight.shape
    conv = nn.Conv2d(count * inputs, count * outputs, kernel, stride, groups=count)
    with torch.no_grad():
        conv.weight.copy_(weight.repeat(count, 1, 1, 1))
        conv.bias.copy_(bias.repeat(count))
    return conv


@torch.no_grad()
def folded(trained):
    """(weight, bias) of the four layers, the batch norms and the constants of the centred squares in them; exact."""
    halved = trained.activation is not F.relu
    layers = []
    for layer, norm in ((trained.conv1, trained.norm1), (trained.conv2, trained.norm2), (trained.fc1, trained.norm3),
                        (trained.fc2, None)):
        weight = layer.weight.double()
        bias = torch.zeros(len(weight), dtype=torch.double) if layer.bias is None else layer.bias.double()
        if layers and halved:  # what it reads is (x² − 1)/2, and will be x²
            weight = weight / 2
            bias = bias - weight.flatten(1).sum(1)
        if norm is not None:
            scale = norm.weight.double() * (norm.running_var.double() + norm.eps).rsqrt()
            weight = weight * scale.view(-1, *[1] * (weight.dim() - 1))
            bias = bias * scale + norm.bias.double() - norm.running_mean.double() * scale
        layers.append((weight, bias))
    return layers
