"""The architectures. `folded` turns a trained network into the shipped one: no batch norm, else the same."""

import copy

import torch
from torch import nn

from cnn.network import BOUND, CLASSES, SHIFT, SQUARE_WEIGHT

from .helix import helical

RESIDUAL_SHIFT = 0.7  # of a layer that ends a block: what is added brings a mean of its own


class Square(torch.autograd.Function):
    """a·u² + c with u = z + shift, channels innermost, u being cut off at ±limit.

    z is N×H×W×C, shift H×W×C, a and c are C. The derivative pulls what lies beyond ±BOUND back: the gradient of a Huber
    penalty, `pull` times. Where `passing` is set, it passes the cut as if there were none.
    """

    @staticmethod
    def forward(context, z, shift, a, c, limit, pull, passing):
        u = z + shift
        context.save_for_backward(u, a)
        context.limit, context.pull, context.passing = limit, pull, passing
        cut = u.clamp(-limit, limit)
        return cut.square_().mul_(a).add_(c)

    @staticmethod
    def backward(context, gradient):
        u, a = context.saved_tensors
        gradient = gradient.contiguous()
        cut = u.clamp(-context.limit, context.limit)
        scaled = gradient * cut
        of_cut = scaled if context.passing else scaled * (u == cut)
        of_u = (u - u.clamp(-BOUND, BOUND)).clamp_(-1, 1).mul_(context.pull).addcmul_(of_cut, 2 * a)
        positions = gradient.shape[1] * gradient.shape[2]
        of_a = scaled.mul_(cut).view(len(u), -1).sum(0).view(positions, -1).sum(0)
        of_c = gradient.view(len(u), -1).sum(0).view(positions, -1).sum(0)
        return of_u, of_u.sum(0), of_a, of_c, None, None, None


class Layer(nn.Module):
    """A convolution, a batch norm, a shift for each position and channel, a residual connection's value, and a·u² + c.

    Only u is squared, so any quadratic (but a line) of the normalised value can be learned. While training, u is
    bounded. Otherwise it is not, and is kept to be looked at.
    """

    def __init__(self, inputs, outputs, side, stride=1, border="helical", shift=SHIFT):
        super().__init__()
        self.helical = border != "zero"
        self.half = inputs // 2 if border == "halves" else 0
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 0 if self.helical else 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs, affine=False)
        self.shift = nn.Parameter(torch.full((side, side, outputs), shift))
        self.a = nn.Parameter(torch.full((outputs,), SQUARE_WEIGHT))
        self.c = nn.Parameter(torch.full((outputs,), -SQUARE_WEIGHT * (1 + SHIFT**2)))
        self.limit, self.pull, self.passing = BOUND, 0.0, True
        self.u = None

    @torch.no_grad()
    def fold(self):
        """Moves the batch norm, if there still is one, into the convolution. Its mean becomes a bias, so that the shift
        stays small: the compiler measures it by what the convolution gives."""
        if isinstance(self.norm, nn.Identity):
            return
        scale = (self.norm.running_var + self.norm.eps).rsqrt()
        self.conv.weight.mul_(scale.view(-1, 1, 1, 1))
        self.conv.bias = nn.Parameter(-self.norm.running_mean * scale)
        self.norm = nn.Identity()

    def forward(self, x, added=None):
        z = self.norm(self.conv(helical(x, self.half) if self.helical else x))
        if added is not None:
            z = z + added
        if self.training:
            z = z.float().permute(0, 2, 3, 1)
            squared = Square.apply(z, self.shift, self.a, self.c, self.limit, self.pull / len(z), self.passing)
            return squared.permute(0, 3, 1, 2)
        self.u = z + self.shift.permute(2, 0, 1)
        return self.a.view(-1, 1, 1) * (self.u * self.u) + self.c.view(-1, 1, 1)


def space_to_depth(images):
    """N×C×2H×2W as N×4C×H×W; the two parities of rows and columns are the slow channel axes."""
    _, channels, height, width = images.shape
    blocks = images.reshape(-1, channels, height // 2, 2, width // 2, 2)
    return blocks.permute(0, 3, 5, 1, 2, 4).reshape(-1, 4 * channels, height // 2, width // 2)


class Shortcut(nn.Module):
    """What a block adds where it changes shape: every second position, mixed over the channels."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.norm = nn.BatchNorm2d(outputs, affine=False)

    @torch.no_grad()
    def fold(self):
        if isinstance(self.norm, nn.Identity):
            return
        scale = (self.norm.running_var + self.norm.eps).rsqrt()
        self.conv.weight.mul_(scale.view(-1, 1, 1, 1))
        self.conv.bias = nn.Parameter(-self.norm.running_mean * scale)
        self.norm = nn.Identity()

    def forward(self, x):
        return self.norm(self.conv(x))


class Block(nn.Module):
    """Two layers with a residual connection around them, which ends before the second square."""

    def __init__(self, inputs, outputs, side, stride=1, border="helical"):
        super().__init__()
        self.first = Layer(inputs, outputs, side, stride, border)
        self.second = Layer(outputs, outputs, side, 1, border, RESIDUAL_SHIFT)
        self.shortcut = nn.Identity() if stride == 1 else Shortcut(inputs, outputs, stride)

    def forward(self, x):
        return self.second(self.first(x), self.shortcut(x))


class Network(nn.Module):
    def layers(self):
        """In the order of evaluation."""
        return [module for module in self.modules() if isinstance(module, Layer)]

    def entering_squares(self):
        """What the last batch had before each square."""
        return [layer.u for layer in self.layers()]

    def largest(self):
        """The largest magnitude before a square, over the last batch."""
        return max(u.abs().max().item() for u in self.entering_squares())

    def set_bounds(self, limit, pull, passing=True):
        """While training, values are cut off at `limit` (and their derivative too, unless it is `passing`), and every
        value of an image costs `pull` times the Huber function of what lies beyond BOUND."""
        for layer in self.layers():
            layer.limit, layer.pull, layer.passing = limit, pull, passing

    def fold(self):
        for module in self.modules():
            if isinstance(module, (Layer, Shortcut)):
                module.fold()
        return self

    def folded(self):
        return copy.deepcopy(self).eval().fold()


class FastNet(Network):
    """Space-to-depth, `width` channels at 16×16, `deep` channels at 8×8, all borders helical.

    3 + 2·blocks + 2·deep_blocks linear maps, the classifier with its mean over all positions counted.
    """

    input_shape = (3, 32, 32)

    def __init__(self, width, deep, blocks, deep_blocks):
        super().__init__()
        self.stem = Layer(12, width, 16)
        self.blocks = nn.ModuleList(Block(width, width, 16) for _ in range(blocks))
        self.down = Layer(width, deep, 8, stride=2)
        self.deep_blocks = nn.ModuleList(Block(deep, deep, 8, border="halves") for _ in range(deep_blocks))
        self.fc = nn.Linear(deep, CLASSES)

    def forward(self, image):
        x = self.stem(space_to_depth(image).contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            x = block(x)
        x = self.down(x)
        for block in self.deep_blocks:
            x = block(x)
        return self.fc(x.mean((2, 3)))


class ResNet(Network):
    """The CIFAR-10 ResNet of He et al. 2016 (section 4.2) with 6·blocks + 2 layers and quadratic activations."""

    input_shape = (3, 32, 32)

    def __init__(self, width, blocks):
        super().__init__()
        self.stem = Layer(3, width, 32, border="zero")
        self.blocks = nn.ModuleList()
        inputs = width
        for stage in range(3):
            for block in range(blocks):
                outputs, stride = width << stage, 2 if stage > 0 and block == 0 else 1
                self.blocks.append(Block(inputs, outputs, 32 >> stage, stride, "zero"))
                inputs = outputs
        self.fc = nn.Linear(inputs, CLASSES)

    def forward(self, image):
        x = self.stem(image)
        for block in self.blocks:
            x = block(x)
        return self.fc(x.mean((2, 3)))
