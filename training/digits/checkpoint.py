"""Training runs that go on from their last checkpoint."""

import torch

PARTS = ("network", "averaged", "optimizer", "schedule")


class Resumable:
    """A run with the attributes PARTS and `counters`, a recipe, and a path `checkpoint`."""

    counters = ("epoch", "seconds")

    def restore(self):
        state = torch.load(self.checkpoint, map_location="cpu")
        if state["recipe"] != self.recipe:
            raise SystemExit(f"{self.checkpoint} belongs to other settings; move it away to train anew")
        for part in PARTS:
            getattr(self, part).load_state_dict(state[part])
        for counter in self.counters:
            setattr(self, counter, state[counter])
        torch.set_rng_state(state["random"])

    def save(self):
        parts = {part: getattr(self, part).state_dict() for part in PARTS}
        counters = {counter: getattr(self, counter) for counter in self.counters}
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        partial = self.checkpoint.with_suffix(".partial")
        torch.save({**parts, **counters, "recipe": self.recipe, "random": torch.get_rng_state()}, partial)
        partial.replace(self.checkpoint)
