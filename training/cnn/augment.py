"""Random crops and mirror images; images that no data set has."""

import torch
import torch.nn.functional as F


def crop(images, margin):
    """Shifts every image by up to `margin` pixels; black comes in from outside the frame."""
    count, channels, height, width = images.shape
    on = images.device
    padded = F.pad(images, (margin,) * 4)
    rows = torch.randint(0, 2 * margin + 1, (count, 1), device=on) + torch.arange(height, device=on)
    cols = torch.randint(0, 2 * margin + 1, (count, 1), device=on) + torch.arange(width, device=on)
    which = torch.arange(count, device=on).view(-1, 1, 1, 1)
    channel = torch.arange(channels, device=on).view(1, -1, 1, 1)
    return padded[which, channel, rows[:, None, :, None], cols[:, None, None, :]]


def mirror(images):
    """Mirrors a random half of the images, left to right."""
    return torch.where(torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5, images, images.flip(3))


def cutout(images, side):
    """Blackens one square of at most side × side pixels in each image."""
    if not side:
        return images
    count, _, height, width = images.shape
    y = torch.randint(0, height, (count, 1, 1, 1))
    x = torch.randint(0, width, (count, 1, 1, 1))
    rows, cols = torch.arange(height).view(1, 1, -1, 1), torch.arange(width).view(1, 1, 1, -1)
    hole = ((rows - y).abs() * 2 < side) & ((cols - x).abs() * 2 < side)
    return images.masked_fill(hole, 0)


def noise(count, shape):
    """Images in [0, 1] unlike any photograph, for bounding what a network does with them: random pixels, black and
    white pixels, coarse random patterns, one colour all over, in equal parts."""
    channels, height, width = shape
    quarter = count // 4
    coarse = torch.rand(quarter, channels, 4, 4).round()
    return torch.cat([
        torch.rand(quarter, *shape),
        torch.rand(quarter, *shape).round(),
        F.interpolate(coarse, (height, width), mode="nearest"),
        torch.rand(quarter, channels, 1, 1).expand(-1, -1, height, width),
    ])
