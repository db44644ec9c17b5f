"""Stratified folds that any program can reproduce from the labels alone."""

import numpy as np


def folds(labels, count=5):
    """Fold of every image: the k-th image of its class, in file order, is in fold k mod count."""
    fold = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        fold[members] = np.arange(len(members)) % count
    return fold
