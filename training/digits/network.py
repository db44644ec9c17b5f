"""The published architecture, with batch norms while training and without them when shipped."""

import torch
from torch import nn

SIDE = 28
STRIDE = 3
HIDDEN = 64
CLASSES = 10


class Square(nn.Module):
    def forward(self, x):
        return x * x


def conv_output(kernel):
    """Positions of the convolution along one side."""
    return (SIDE - kernel) // STRIDE + 1


class ShippedNetwork(nn.Module):
    """conv · square · FC · square · FC."""

    def __init__(self, channels, kernel):
        super().__init__()
        self.conv = nn.Conv2d(1, channels, kernel, stride=STRIDE)
        self.fc1 = nn.Linear(channels * conv_output(kernel) ** 2, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, CLASSES)
        self.square = Square()

    def forward(self, image):
        x = self.square(self.conv(image))
        x = self.square(self.fc1(x.flatten(1)))
        return self.fc2(x)


class TrainedNetwork(nn.Module):
    """The same function family: a batch norm stands on both sides of every square.

    Every batch norm is affine and touches a convolution or a dense layer, so `folded` is exact.
    """

    def __init__(self, channels, kernel):
        super().__init__()
        self.plain = ShippedNetwork(channels, kernel)
        self.before1 = nn.BatchNorm2d(channels)
        self.after1 = nn.BatchNorm2d(channels, affine=False)
        self.before2 = nn.BatchNorm1d(HIDDEN)
        self.after2 = nn.BatchNorm1d(HIDDEN, affine=False)

    def forward(self, image):
        """Logits, and the values that enter the two squares."""
        first = self.before1(self.plain.conv(image))
        x = self.after1(first * first).flatten(1)
        second = self.before2(self.plain.fc1(x))
        return self.plain.fc2(self.after2(second * second)), first, second

    @torch.no_grad()
    def folded(self):
        """The shipped network that computes what this one does in evaluation."""
        conv, fc1, fc2 = self.plain.conv, self.plain.fc1, self.plain.fc2
        shipped = ShippedNetwork(conv.out_channels, conv.kernel_size[0])
        scale, offset = affine(self.before1)
        shipped.conv.weight.copy_(conv.weight * scale.view(-1, 1, 1, 1))
        shipped.conv.bias.copy_(conv.bias * scale + offset)

        positions = fc1.in_features // conv.out_channels
        scale, offset = (v.repeat_interleave(positions) for v in affine(self.after1))
        weight, bias = fc1.weight * scale, fc1.bias + fc1.weight @ offset
        scale, offset = affine(self.before2)
        shipped.fc1.weight.copy_(weight * scale.view(-1, 1))
        shipped.fc1.bias.copy_(bias * scale + offset)

        scale, offset = affine(self.after2)
        shipped.fc2.weight.copy_(fc2.weight * scale)
        shipped.fc2.bias.copy_(fc2.bias + fc2.weight @ offset)
        return shipped.eval()


def affine(norm):
    """Scale and offset that a batch norm applies in evaluation."""
    scale = (norm.running_var + norm.eps).rsqrt()
    if norm.affine:
        scale = scale * norm.weight
        return scale, norm.bias - norm.running_mean * scale
    return scale, -norm.running_mean * scale
