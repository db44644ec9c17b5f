"""The architectures. `folded` turns a trained network into the shipped one: no batch norm, else the same."""

import copy
import math

import torch
from torch import nn

CLASSES = 10
# What makes a·u² + c the best quadratic for a ReLU of z, where u = z + SHIFT and z is standard normal.
SHIFT, SQUARE_WEIGHT = 1.2533, 0.1995
ROW = 4096  # elements
BOUND = 6.0


class BoundedAffineSquare(torch.autograd.Function):
    """a·u² + c over the rows of a matrix, u being cut off at ±BOUND, with a derivative in few passes over memory.

    The derivative passes the cut as if there were none, and pulls what lies beyond it back: the gradient of
    a Huber penalty, `pull` times.
    """

    @staticmethod
    def forward(context, u, a, c, pull):
        cut = u.clamp(-BOUND, BOUND)
        context.save_for_backward(u, cut, a)
        context.pull = pull
        return (cut * cut).mul_(a).add_(c)

    @staticmethod
    def backward(context, gradient):
        u, cut, a = context.saved_tensors
        scaled = gradient * cut
        beyond = (u - cut).clamp_(-1, 1)
        return (2 * a * scaled).add_(beyond, alpha=context.pull), (scaled * cut).sum(0), gradient.sum(0), None


class Quadratic(nn.Module):
    """a·u² + c, both learned per channel.

    With the shift of the batch norm before it, u = z + s, this is any quadratic of z (but a line), written so that
    u is what an encrypted run squares. While training, u is bounded. Otherwise it is not, and is kept to be looked at.
    """

    def __init__(self, channels, dimensions):
        super().__init__()
        shape = (1, channels) + (1,) * dimensions
        self.a = nn.Parameter(torch.full(shape, SQUARE_WEIGHT))
        self.c = nn.Parameter(torch.full(shape, -SQUARE_WEIGHT * (1 + SHIFT**2)))
        self.pull = 0.0
        self.u = None

    def forward(self, u):
        if not self.training:
            self.u = u
            return self.a * (u * u) + self.c
        # Channels are innermost in memory. Several positions make one long row, which vectorises.
        channels = self.a.numel()
        rows = u.movedim(1, -1).reshape(-1, channels)
        together = math.gcd(len(rows), ROW // channels)
        a, c = (p.flatten().to(u.dtype).repeat(together) for p in (self.a, self.c))
        out = BoundedAffineSquare.apply(rows.view(-1, together * channels), a, c, self.pull / len(u))
        return out.view(u.movedim(1, -1).shape).movedim(-1, 1)


class Normalised(nn.Module):
    """A convolution or dense layer, then a batch norm with a learned shift but no learned scale."""

    def __init__(self, linear, channels):
        super().__init__()
        self.linear = linear
        self.norm = nn.BatchNorm2d(channels) if isinstance(linear, nn.Conv2d) else nn.BatchNorm1d(channels)
        self.norm.weight.requires_grad_(False)
        nn.init.constant_(self.norm.bias, SHIFT)

    def forward(self, x):
        return self.norm(self.linear(x))

    @torch.no_grad()
    def folded(self):
        """The linear layer that computes what this module does in evaluation."""
        scale = self.norm.weight * (self.norm.running_var + self.norm.eps).rsqrt()
        linear = copy.deepcopy(self.linear)
        linear.weight.mul_(scale.view(-1, *[1] * (linear.weight.dim() - 1)))
        linear.bias = nn.Parameter(self.norm.bias - self.norm.running_mean * scale)
        return linear


def conv(inputs, outputs, kernel, stride=1, padding=0):
    return Normalised(nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False), outputs)


def average_pool(side):
    return nn.AvgPool2d(side, count_include_pad=False)  # else PyTorch exports a Pad node that pads nothing


class Network(nn.Module):
    def entering_squares(self):
        """What the last batch had before each square, in the order of evaluation."""
        return [module.u for module in self.modules() if isinstance(module, Quadratic)]

    def set_pull(self, pull):
        """While training, every value of an image costs `pull` times the Huber function of what lies beyond BOUND."""
        for module in self.modules():
            if isinstance(module, Quadratic):
                module.pull = pull

    def folded(self):
        shipped = copy.deepcopy(self).eval()
        for name, module in self.named_children():
            if isinstance(module, Normalised):
                setattr(shipped, name, module.folded())
        return shipped


class LeNet(Network):
    """Two convolutions, average pooling, two dense layers: four linear maps, as the pool joins the layer after it."""

    input_shape = (1, 28, 28)

    def __init__(self, first, second, hidden):
        super().__init__()
        self.conv1 = conv(1, first, 5, stride=2)  # 12×12
        self.act1 = Quadratic(first, 2)
        self.conv2 = conv(first, second, 5)  # 8×8
        self.act2 = Quadratic(second, 2)
        self.pool = average_pool(2)  # 4×4
        self.fc1 = Normalised(nn.Linear(second * 16, hidden, bias=False), hidden)
        self.act3 = Quadratic(hidden, 0)
        self.fc2 = nn.Linear(hidden, CLASSES)

    def forward(self, image):
        x = self.act1(self.conv1(image))
        x = self.pool(self.act2(self.conv2(x)))
        x = self.act3(self.fc1(x.flatten(1)))
        return self.fc2(x)


class ColourNet(Network):
    """Six convolutions in two stages, each with one residual block: seven linear maps.

    `width` channels at 16×16, then `deep` at 8×8. The pools join the layers after them.
    """

    input_shape = (3, 32, 32)

    def __init__(self, width, deep):
        super().__init__()
        self.conv1 = conv(3, width, 4, stride=2, padding=1)  # 16×16
        self.act1 = Quadratic(width, 2)
        self.conv2 = conv(width, width, 3, padding=1)
        self.act2 = Quadratic(width, 2)
        self.conv3 = conv(width, width, 3, padding=1)
        self.act3 = Quadratic(width, 2)
        self.pool = average_pool(2)  # 8×8
        self.conv4 = conv(width, deep, 3, padding=1)
        self.act4 = Quadratic(deep, 2)
        self.conv5 = conv(deep, deep, 3, padding=1)
        self.act5 = Quadratic(deep, 2)
        self.conv6 = conv(deep, deep, 3, padding=1)
        self.act6 = Quadratic(deep, 2)
        self.pool_all = average_pool(8)
        self.fc = nn.Linear(deep, CLASSES)
        for block_end in (self.conv3, self.conv6):  # what is added brings no shift of its own
            nn.init.constant_(block_end.norm.weight, 0.7)

    def forward(self, image):
        x = self.act1(self.conv1(image))
        x = self.act3(self.conv3(self.act2(self.conv2(x))) + x)
        x = self.act4(self.conv4(self.pool(x)))
        x = self.act6(self.conv6(self.act5(self.conv5(x))) + x)
        return self.fc(self.pool_all(x).flatten(1))
