"""The published augmentation: rotation, mirror image, shift. Applied to the file's pixels, before they are reduced to
112×112 and equalised, so that what the network sees is as sharp as an untouched image."""

import cv2
import numpy as np

from .data import prepared

DEGREES, SHIFT = 15, 0.1  # shift: share of a side


def deformed(image, random):
    """One image, turned and shifted; what comes from outside the frame mirrors what is inside."""
    height, width = image.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), random.uniform(-DEGREES, DEGREES), 1)
    matrix[:, 2] += random.uniform(-SHIFT, SHIFT, 2) * (width, height)
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def versions(images, count, seed):
    """count×N×112×112 bytes: the images as they are, then deformed ones. Mirror images are made while training."""
    random = np.random.default_rng(seed)
    cv2.setNumThreads(1)
    as_they_are = [np.stack([prepared(image) for image in images])]
    others = [np.stack([prepared(deformed(image, random)) for image in images]) for _ in range(count - 1)]
    return np.stack(as_they_are + others)
