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
    """In groups with `turns` set the learning rate is about the angle by which a step turns the weights. Where they are
    `renewed` too, a batch norm follows: their length says nothing, and rows stay at length one on average. The other
    groups: SGD with Nesterov momentum and weight decay."""

    def __init__(self, groups, momentum):
        super().__init__(groups, {"momentum": momentum, "weight_decay": 0.0, "turns": False,
                                  "renewed": True})

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("renewed", True)  # what checkpoints before it meant

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
            if group["renewed"]:
                p.mul_(len(p)**0.5 / p.norm())
            gradient = orthogonalised(gradient.reshape(len(p), -1)).view_as(p) * (p.norm() / len(p)**0.5)
        p.add_(gradient, alpha=-group["lr"])
