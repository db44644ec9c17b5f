"""Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"): momentum whose matrices are
made orthogonal before they are applied."""

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic: five steps bring nearly every singular value to 0.7 to 1.2
ITERATIONS = 5


def orthogonalised(matrix):
    """The matrix with its singular values moved to about one, by Newton-Schulz iterations, for which bfloat16 does."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = (x / (x.norm() + 1e-7)).bfloat16()
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return (x.T if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Groups with `turns` set are weights that a batch norm follows: their length says nothing, so a step leaves rows at
    length one on average, and the learning rate is about the angle by which it turns them. The others: SGD with
    Nesterov momentum and weight decay."""

    def __init__(self, groups, momentum):
        super().__init__(groups, {"momentum": momentum, "weight_decay": 0.0, "turns": False})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                self.update(p, group)

    def update(self, p, group):
        gradient, state = p.grad.add(p, alpha=group["weight_decay"]), self.state[p]
        momentum = state.setdefault("momentum", torch.zeros_like(p))
        momentum.mul_(group["momentum"]).add_(gradient)
        gradient.add_(momentum, alpha=group["momentum"])
        if group["turns"]:
            p.mul_(len(p)**0.5 / p.norm())
            gradient = orthogonalised(gradient.reshape(len(p), -1)).view_as(p)
        p.add_(gradient, alpha=-group["lr"])
