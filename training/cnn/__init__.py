"""Recipes for the convolutional networks of the zoo, with quadratic activations and average pooling."""
