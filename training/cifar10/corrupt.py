"""Images that no photograph is, and photographs gone wrong: what a network's values must stay bounded on."""

import torch
import torch.nn.functional as F

from cnn.augment import noise


def uniform(images, low, high):
    """One number an image."""
    return torch.rand(len(images), 1, 1, 1, device=images.device) * (high - low) + low


def noisy(images):
    return images + torch.randn_like(images) * uniform(images, 0.05, 0.4)


def blurred(images):
    side = 5
    kernel = images.new_full((images.shape[1], 1, side, side), 1 / side**2)
    return F.conv2d(F.pad(images, (side // 2,) * 4, mode="replicate"), kernel, groups=images.shape[1])


def contrasted(images):
    return (images - 0.5) * uniform(images, 2, 8) + uniform(images, 0.2, 0.8)


def faded(images):
    return images * uniform(images, 0, 0.3) + uniform(images, 0, 0.7)


def corrupted(images):
    """Five equal parts: noise, blur, too much contrast, too little, and patterns that never were photographs."""
    fifth = -(-len(images) // 5)
    made = [kind(part) for kind, part in zip((noisy, blurred, contrasted, faded), images.split(fifth))]
    patterns = noise(4 * -(-fifth // 4), images.shape[1:]).to(images.device)
    return torch.cat([*made, patterns]).clamp(0, 1)
