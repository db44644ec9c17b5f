"""Recipes for the six published digit and fashion networks with square activations."""
