"""python3 -m unittest, in training/: the CIFAR-10 recipes on a few drawn images."""

import dataclasses
import json
import tempfile
import unittest
import unittest.mock
from pathlib import Path

import numpy as np
import onnx
import torch

from check import evaluate
from cifar10.corrupt import corrupted
from cifar10.export import extents
from cifar10.helix import helical, pad
from cifar10.muon import Muon, orthogonalised
from cifar10.network import FastNet, ResNet, Square
from cifar10.pretrained import adopt
from cifar10.recipe import RECIPES, Recipe
from cifar10.schedule import Schedule
from cifar10.teacher import Teachers
from cifar10.train import Trainer, normalised, pixels
from cnn.export import ranges, write_onnx
from digits.data import Split

SMALL = Recipe(FastNet, (4, 8, 1, 1), epochs=3, decay=1, batch=16, distillation=0)


def drawn_split(count, seed=0):
    """Images whose class is the brightness of their left half: something can be learned."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count)
    images = random.integers(0, 30, (count, 3, 32, 32))
    images[..., :16] += 22 * labels[:, None, None, None]
    return Split(images.astype(np.uint8), labels.astype(np.int64))


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        torch.set_num_threads(1)

    def trainer(self, recipe=SMALL, name="run", seed=1):
        return Trainer(recipe, drawn_split(64), seed, self.folder / f"{name}.pt", self.folder)


class Helix(unittest.TestCase):
    def test_borders_are_neighbours_in_row_major_order(self):
        x = torch.randn(2, 4, 6, 5)
        border, flat = helical(x), x.flatten(2)
        for row in range(-1, 7):
            for col in range(-1, 6):
                torch.testing.assert_close(border[:, :, row + 1, col + 1], flat[:, :, (row * 5 + col) % 30])

    def test_halves_are_neighbours_where_channels_lie_between_rows(self):
        x = torch.randn(2, 4, 6, 5)
        flat = torch.stack([x[:, :2], x[:, 2:]], 3).flatten(2)  # per channel of a half: row, half, column
        border = helical(x, half=2)
        for row in range(-1, 7):
            for col in range(-1, 6):
                for half in range(2):
                    torch.testing.assert_close(border[:, 2 * half:2 * half + 2, row + 1, col + 1],
                                               flat[:, :, (row * 10 + half * 5 + col) % 60])

    def test_derivative_is_that_of_the_definition(self):
        x = torch.randn(2, 4, 6, 5, dtype=torch.double, requires_grad=True)
        weight = torch.randn(2, 4, 8, 7, dtype=torch.double)
        for half in (0, 2):
            expected, = torch.autograd.grad((pad(x, half) * weight).sum(), x)
            torch.testing.assert_close(torch.autograd.grad((helical(x, half) * weight).sum(), x)[0], expected)


class Rates(unittest.TestCase):
    def schedule(self):
        self.optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
        return Schedule(self.optimizer, warm_up=4, steps=20, decay=5)

    def rates(self, schedule):
        rates = []
        while schedule.taken < schedule.last:
            rates.append(self.optimizer.param_groups[0]["lr"])
            schedule.step()
        return rates

    def test_rise_plateau_and_fall(self):
        rates = self.rates(self.schedule())
        np.testing.assert_allclose(rates, [0.125, 0.25, 0.375] + [0.5] * 13 + [0.4, 0.3, 0.2, 0.1])

    def test_the_fall_may_begin_at_any_step_and_outlives_a_restart(self):
        schedule = self.schedule()
        for _ in range(7):
            schedule.step()
        schedule.begin_decay(4)
        schedule.step()
        restored = self.schedule()
        restored.load_state_dict(schedule.state_dict())
        np.testing.assert_allclose(self.rates(restored), [0.375, 0.25, 0.125])
        self.assertEqual(restored.decayed(), 4)

    def test_a_fall_may_be_cut_short_or_repeated(self):
        schedule = self.schedule()
        for _ in range(18):
            schedule.step()
        schedule.begin_decay(4)
        np.testing.assert_allclose(self.rates(schedule), [0.2, 0.15, 0.1, 0.05])
        schedule.begin_decay(2, 0.6)
        restored = self.schedule()
        restored.load_state_dict(schedule.state_dict())
        np.testing.assert_allclose(self.rates(restored), [0.3, 0.15])
        restored.begin_decay(2)
        np.testing.assert_allclose(self.rates(restored), [0.5, 0.25])


class Steps(unittest.TestCase):
    def test_singular_values_move_to_about_one(self):
        torch.manual_seed(0)
        for rows, columns in ((16, 108), (108, 16), (8, 8)):
            u, _, v = torch.linalg.svd(torch.randn(rows, columns), full_matrices=False)
            spread = torch.logspace(0, -1.5, min(rows, columns))
            values = torch.linalg.svdvals(orthogonalised(u @ torch.diag(spread) @ v))
            self.assertLess(values.max(), 1.3)
            self.assertGreater(values.min(), 0.5)

    def test_turned_weights_keep_their_length_and_the_others_decay(self):
        torch.manual_seed(0)
        turned, plain = (torch.nn.Parameter(5 * torch.randn(shape)) for shape in ((4, 3, 3, 3), (4, 3)))
        before = plain.detach().clone()
        muon = Muon([{"params": [turned], "lr": 0.01, "turns": True},
                     {"params": [plain], "lr": 0.1, "weight_decay": 0.5}], 0.9)
        for _ in range(3):
            turned.grad, plain.grad = torch.randn_like(turned), torch.zeros_like(plain)
            muon.step()
        self.assertAlmostEqual(turned.norm().item(), 2, delta=0.05)  # four rows of length one
        self.assertLess(plain.norm(), 0.9 * before.norm())

    def test_weights_that_no_batch_norm_follows_turn_by_as_much(self):
        torch.manual_seed(0)
        weights = 7 * torch.randn((4, 3, 3, 3))
        turned, free = (torch.nn.Parameter(weights.clone()) for _ in range(2))
        muon = Muon([{"params": [turned], "lr": 0.01, "turns": True},
                     {"params": [free], "lr": 0.01, "turns": True, "renewed": False}], 0.9)
        turned.grad = free.grad = torch.randn_like(weights)
        muon.step()
        torch.testing.assert_close(free / weights.norm(), turned / 2)


class Pretrained(Folder):
    def drawn(self, name, *shape):
        tensor = torch.randn(shape, generator=self.random) / max(1, np.prod(shape[1:])) ** 0.5
        self.tensors[name] = tensor
        return tensor

    def convolved(self, x, name, outputs, stride=1):
        weight = self.drawn(f"{name}.weight", outputs, x.shape[1], 3, 3)
        return torch.nn.functional.conv2d(x, weight, stride=stride, padding=1)

    def activated(self, x, name):
        square, slope, constant = (self.drawn(f"{name}.w{power}", x.shape[1], 1, 1) for power in (2, 1, 0))
        square[0] = -0.01  # hardly curved, and the other way
        for tensor in (square, slope, constant):
            tensor *= 0.3  # values neither vanish nor overflow
        return square * x * x + slope * x + constant

    @torch.no_grad()
    def test_the_network_begins_as_the_pretrained_one(self):
        self.random, self.tensors = torch.Generator().manual_seed(3), {}
        images = torch.rand(4, 3, 32, 32, generator=self.random)
        mean, std = [0.4914, 0.4822, 0.4465], [0.2, 0.19, 0.21]
        x = (images - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
        x = self.activated(self.convolved(x, "c", 4), "a")
        for block in range(3):
            outputs, stride = 4 << block, 2 if block else 1
            inner = self.activated(self.convolved(x, f"body.{block}.c1", outputs, stride), f"body.{block}.a1")
            added = x[:, :, ::stride, ::stride]
            missing = (outputs - x.shape[1]) // 2
            added = torch.nn.functional.pad(added, (0, 0, 0, 0, missing, missing))
            x = self.activated(self.convolved(inner, f"body.{block}.c2", outputs) + added, f"body.{block}.a2")
        weight, bias = self.drawn("fc.weight", 10, 16), self.drawn("fc.bias", 10)
        expected = torch.nn.functional.linear(x.mean((2, 3)), weight, bias)

        path = self.folder / "pretrained.onnx"
        tensors = [onnx.numpy_helper.from_array(value.numpy(), name) for name, value in self.tensors.items()]
        onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "weights", [], [], tensors)), str(path))
        card = {"preprocess": {"mean": mean, "std": std}}
        path.with_suffix(".json").write_text(json.dumps(card))
        network = ResNet(4, 1).fold()
        adopt(network, path, "cifar-10")
        for shipped in (network.eval(), network.folded()):
            torch.testing.assert_close(shipped(normalised(images, "cifar-10")), expected, rtol=1e-3, atol=1e-3)

        card["preprocess"]["mean"][0] = 0.5
        path.with_suffix(".json").write_text(json.dumps(card))
        with self.assertRaises(SystemExit):
            adopt(ResNet(4, 1).fold(), path, "cifar-10")


class Taught(Folder):
    """By networks of one convolution over the whole image and a ReLU."""

    def teacher(self, name, flatten):
        path = self.folder / f"{name}.onnx"
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 10, 32), torch.nn.ReLU(), flatten)
        torch.onnx.export(model, torch.zeros(1, 3, 32, 32), str(path), opset_version=13, input_names=["image"],
                          output_names=["logits"])
        return path, model

    @torch.no_grad()
    def test_several_are_averaged_and_every_second_sees_the_mirror_image(self):
        torch.manual_seed(0)
        (first, one), (second, other) = self.teacher("one", torch.nn.Flatten()), self.teacher("other", Vector())
        first.with_suffix(".json").write_text(json.dumps({"preprocess": {"mean": [0.5, 0, 0], "std": [1, 1, 2]}}))
        images = torch.rand(4, 3, 32, 32)
        x = (images - torch.tensor([0.5, 0, 0]).view(3, 1, 1)) / torch.tensor([1.0, 1, 2]).view(3, 1, 1)
        torch.testing.assert_close(Teachers([first], "cifar-10", "cpu")(images), one(x))
        expected = (one(x) + other(normalised(images, "cifar-10").flip(3))) / 2
        torch.testing.assert_close(Teachers([first, second], "cifar-10", "cpu")(images), expected)

    def test_an_operator_it_does_not_know_is_refused(self):
        path, _ = self.teacher("odd", torch.nn.Sequential(torch.nn.Sigmoid(), torch.nn.Flatten()))
        with self.assertRaisesRegex(ValueError, "Sigmoid"):
            Teachers([path], "cifar-10", "cpu")(torch.rand(1, 3, 32, 32))


class Vector(torch.nn.Module):
    """Exported as Reshape, not as Flatten."""

    def forward(self, x):
        return x.view(-1, 10)


class Training(Folder):
    def test_loss_falls(self):
        trainer = self.trainer(dataclasses.replace(SMALL, warm_up=0.5))
        chosen = torch.arange(64)
        first = trainer.step(chosen)[0]
        for _ in range(20):
            last = trainer.step(chosen)[0]
        self.assertLess(last, 0.8 * first)

    def test_a_resumed_run_equals_an_uninterrupted_one(self):
        whole = self.trainer(name="whole")
        whole.run(drawn_split(20, 1))

        class Interrupted(Exception):
            pass

        def stop_after_second(split):
            if broken.epoch == 2:
                raise Interrupted
            return 0, 0, 0

        broken = self.trainer(name="broken")
        broken.examine = stop_after_second
        with self.assertRaises(Interrupted):
            broken.run(None)
        resumed = self.trainer(name="broken", seed=7)  # the seed of what is resumed is in the checkpoint
        self.assertEqual(resumed.epoch, 2)
        resumed.run(drawn_split(20, 1))
        for name, value in whole.averaged.state_dict().items():
            torch.testing.assert_close(resumed.averaged.state_dict()[name], value, msg=name)

    def test_a_run_resumed_within_an_epoch_equals_an_uninterrupted_one(self):
        whole = self.trainer(name="whole")
        whole.finish_epoch()
        broken = self.trainer(name="broken")
        step, taken = broken.step, []

        def two_steps(chosen):
            if len(taken) == 2:
                raise KeyboardInterrupt
            taken.append(step(chosen))
            return taken[-1]

        broken.step = two_steps
        with unittest.mock.patch("cifar10.train.SAVE_SECONDS", -1), self.assertRaises(KeyboardInterrupt):
            broken.finish_epoch()
        resumed = self.trainer(name="broken", seed=7)
        self.assertEqual((resumed.epoch, resumed.schedule.taken), (0, 2))
        resumed.finish_epoch()
        for name, value in whole.averaged.state_dict().items():
            torch.testing.assert_close(resumed.averaged.state_dict()[name], value, msg=name)

    def test_decay_leaves_the_run_it_starts_from(self):
        trainer = self.trainer()
        trainer.epoch = 2
        trainer.save()
        before = trainer.checkpoint.read_bytes()
        decaying = self.trainer()
        decaying.end_within(1)
        decaying.run(drawn_split(20, 1))
        self.assertEqual(decaying.epoch, 3)
        self.assertEqual((self.folder / "run.pt").read_bytes(), before)
        again = self.trainer()
        again.end_within(1)
        self.assertEqual(again.epoch, 3)

    def test_the_derivative_passes_the_cut_or_does_not(self):
        z = torch.tensor([-9.0, -7, 0.5, 7, 9]).view(1, 1, 5, 1).requires_grad_()
        a, c = torch.tensor([0.5]), torch.tensor([0.25])
        for passing in (False, True):
            out = Square.apply(z, torch.zeros(1, 5, 1), a, c, 8.0, 0.1, passing)
            torch.testing.assert_close(out.flatten(), torch.tensor([32, 24.5, 0.125, 24.5, 32]) + 0.25)
            slope, = torch.autograd.grad(out.sum(), z)
            outer = 8.0 if passing else 0.0  # 2·a·8
            torch.testing.assert_close(slope.flatten(), torch.tensor([-outer - 0.1, -7.1, 0.5, 7.1, outer + 0.1]))

    def test_values_beyond_the_bounds_are_pulled_back(self):
        trainer = self.trainer()
        images = pixels(torch.from_numpy(drawn_split(16).images))
        trainer.network.set_bounds(6, 0)
        trainer.network.stem.pull = 1
        trainer.network.stem.shift.data += 20
        trainer.network.train()
        trainer.range_loss(images).backward()
        self.assertTrue((trainer.network.stem.shift.grad > 0).all())


class Shipping(Folder):
    def settled(self, network):
        """With statistics of some images, so that folding has something to fold."""
        images = normalised(pixels(torch.from_numpy(drawn_split(32).images)), "cifar-10")
        network.train()
        for _ in range(3):
            network(images)
        return network.eval(), images

    @torch.no_grad()
    def test_onnx_equals_the_trained_network(self):
        for name, recipe in {"small": SMALL, **RECIPES}.items():
            with self.subTest(name):
                network, images = self.settled(recipe.network(*recipe.sizes))
                expected = network(images[:8])
                path = self.folder / f"{name}.onnx"
                write_onnx(network.folded(), path)
                got = evaluate(onnx.load(str(path)), images[:8].double().numpy())
                np.testing.assert_allclose(got, expected.numpy(), rtol=1e-3, atol=1e-3)

    def test_what_was_shipped_may_be_trained_further(self):
        shipped, images = self.settled(FastNet(*SMALL.sizes))
        path = self.folder / "shipped.onnx"
        write_onnx(shipped.folded(), path)
        trainer = Trainer(SMALL, drawn_split(64), 2, self.folder / "run.pt", self.folder, shipped=path)
        torch.testing.assert_close(trainer.averaged.eval()(images), shipped(images), rtol=1e-3, atol=1e-3)
        trainer.step(torch.arange(64))

    def test_what_has_no_batch_norms_is_trained_further_without(self):
        torch.manual_seed(3)
        shipped = ResNet(4, 1).fold().eval()
        for layer in shipped.layers():
            torch.nn.init.normal_(layer.conv.bias, std=0.1)
        path = self.folder / "shipped.onnx"
        write_onnx(shipped, path)
        recipe = dataclasses.replace(SMALL, network=ResNet, sizes=(4, 1), start="pretrained.onnx")
        trainer = Trainer(recipe, drawn_split(64), 2, self.folder / "run.pt", self.folder, shipped=path)
        images = normalised(pixels(torch.from_numpy(drawn_split(8).images)), "cifar-10")
        trainer.network.set_bounds(1e9, 0)
        for network in (trainer.network.train(), trainer.network.eval()):
            torch.testing.assert_close(network(images), shipped(images), rtol=1e-3, atol=1e-3)

    def test_card_has_largest_values(self):
        network, _ = self.settled(FastNet(*SMALL.sizes))
        usual, unusual = extents(network.folded(), drawn_split(50), "cifar-10")
        self.assertEqual(usual.keys(), unusual.keys())
        self.assertEqual(len(usual), 1 + len(network.layers()))

    @torch.no_grad()
    def test_the_wildest_images_do_not_make_the_range(self):
        network, _ = self.settled(FastNet(*SMALL.sizes))
        shipped = network.folded()
        images = torch.from_numpy(drawn_split(50).images)
        images[7] = 255 * (images[7] > 128)
        logits = shipped(normalised(pixels(images), "cifar-10")).abs().amax(1).sort()[0]
        for left_out in (0, 3):
            extent = ranges(shipped, images, "cifar-10", left_out)
            self.assertAlmostEqual(extent["logits"], logits[-1 - left_out].item(), delta=1e-2)

    def test_overflow_is_not_hidden(self):
        network, _ = self.settled(FastNet(*SMALL.sizes))
        network.stem.shift.data[:] = 1e18
        usual, _ = extents(network.folded(), drawn_split(50), "cifar-10")
        self.assertGreater(usual["logits"], 1e38)

    def test_corrupted_images_are_images(self):
        images = corrupted(pixels(torch.from_numpy(drawn_split(50).images)))
        self.assertGreaterEqual(len(images), 50)
        self.assertTrue(((images >= 0) & (images <= 1)).all())


if __name__ == "__main__":
    unittest.main()
