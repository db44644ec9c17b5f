"""Recipes for CIFAR-10 networks with quadratic activations that are more than a first try."""
