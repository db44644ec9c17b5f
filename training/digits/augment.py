"""Random deformation of a batch: affine, elastic and mirrored, in one resampling."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

SIDE = 28
ELASTIC_GRID = 6
INTACT = 0.25  # resampling blurs: without untouched images a network comes to rely on the blur


@dataclass(frozen=True)
class Deformation:
    """Largest amounts; each image draws its own within them."""

    degrees: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0  # pixels
    elastic: float = 0.0  # standard deviation in pixels on a coarse grid
    mirror: bool = False


def uniform(count, limit):
    return (torch.rand(count) * 2 - 1) * limit


def deform(images, amount):
    """Deforms most of N×1×28×28 images; what comes from outside the frame is black."""
    count = len(images)
    angle = uniform(count, math.radians(amount.degrees))
    stretch_x = torch.exp(uniform(count, amount.scale))
    stretch_y = torch.exp(uniform(count, amount.scale))
    if amount.mirror:
        stretch_x = stretch_x * (torch.randint(0, 2, (count,)) * 2 - 1)
    shear = uniform(count, amount.shear)
    cos, sin = angle.cos(), angle.sin()
    theta = torch.stack([
        torch.stack([cos * stretch_x, (shear - sin) * stretch_y, uniform(count, amount.shift * 2 / SIDE)], 1),
        torch.stack([sin * stretch_x, cos * stretch_y, uniform(count, amount.shift * 2 / SIDE)], 1),
    ], 1)
    grid = F.affine_grid(theta, images.shape, align_corners=False)
    if amount.elastic:
        coarse = torch.randn(count, 2, ELASTIC_GRID, ELASTIC_GRID) * (amount.elastic * 2 / SIDE)
        fine = F.interpolate(coarse, (SIDE, SIDE), mode="bilinear", align_corners=True)
        grid = grid + fine.permute(0, 2, 3, 1)
    deformed = F.grid_sample(images, grid, align_corners=False)
    return torch.where(torch.rand(count, 1, 1, 1) < INTACT, images, deformed)
