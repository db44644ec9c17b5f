"""A learning rate that rises, stays, and falls whenever one decides that training should end."""


class Schedule:
    """A factor for the learning rate, step by step. Everything in steps; `begin_decay` may be called at any step."""

    def __init__(self, optimizer, warm_up, steps, decay):
        self.optimizer, self.warm_up, self.decay, self.last = optimizer, warm_up, decay, steps
        self.rates = [group["lr"] for group in optimizer.param_groups]
        self.taken, self.top = 0, 1.0
        self.apply()

    def begin_decay(self, steps, top=None):
        """Falls to zero within so many steps, from `top` or else from where it is; after its end, from full height."""
        self.top = top or self.factor() or 1.0
        self.decay, self.last = steps, self.taken + steps
        self.apply()

    def decayed(self):
        """Steps taken at a falling rate."""
        return max(0, self.taken - (self.last - self.decay))

    def factor(self):
        left = self.last - self.taken
        return max(0.0, min((self.taken + 1) / self.warm_up, self.top * left / self.decay, 1.0))

    def apply(self):
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"] = rate * self.factor()

    def step(self):
        self.taken += 1
        self.apply()

    def state_dict(self):
        return {"taken": self.taken, "decay": self.decay, "last": self.last, "top": self.top}

    def load_state_dict(self, state):
        self.taken, self.decay, self.last = state["taken"], state["decay"], state["last"]
        self.top = state.get("top", 1.0)
        self.apply()
