"""Two backends could agree on a mistake: both against networks and losses written out anew.

The networks are put together here from PyTorch's own layers, as the CycleGAN paper's appendix and
the authors' description have them; nothing of the backends is used but their results.
"""

import numpy as np
import pytest
import torch
from torch import nn

import backends
from backends.objective import LOSS_TERMS
from harness.config.experiment import load_experiment
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.parity_case import make_case, passing, standing, used_state


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(
            *(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3)),
            *(nn.InstanceNorm2d(channels), nn.ReLU()),
            *(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3)),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x):
        return x + self.body(x)


def generator(f, blocks):
    def block(layer, channels):
        return [layer, nn.InstanceNorm2d(channels), nn.ReLU()]

    def up(channels):
        half = channels // 2
        return nn.ConvTranspose2d(channels, half, 3, stride=2, padding=1, output_padding=1)

    return nn.Sequential(
        *(nn.ReflectionPad2d(3), *block(nn.Conv2d(3, f, 7), f)),
        *block(nn.Conv2d(f, 2 * f, 3, stride=2, padding=1), 2 * f),
        *block(nn.Conv2d(2 * f, 4 * f, 3, stride=2, padding=1), 4 * f),
        *(Residual(4 * f) for _ in range(blocks)),
        *(*block(up(4 * f), 2 * f), *block(up(2 * f), f)),
        *(nn.ReflectionPad2d(3), nn.Conv2d(f, 3, 7), nn.Tanh()),
    )


def discriminator(f):
    def block(before, after, stride):
        layers = [nn.Conv2d(before, after, 4, stride=stride, padding=1), nn.InstanceNorm2d(after)]
        return [*layers, nn.LeakyReLU(float(np.float32(0.2)))]

    return nn.Sequential(
        *(nn.Conv2d(3, f, 4, stride=2, padding=1), nn.LeakyReLU(float(np.float32(0.2)))),
        *(*block(f, 2 * f, 2), *block(2 * f, 4 * f, 2), *block(4 * f, 8 * f, 1)),
        nn.Conv2d(8 * f, 1, 4, stride=1, padding=1),
    )


def filled(network, state, name):
    """`network` in float64 with the canonical weights of `name`, in forward order."""
    canonical = [key for key in state if key.startswith(f"{name}/")]
    parameters = list(network.double().parameters())
    assert len(parameters) == len(canonical)
    with torch.no_grad():
        for parameter, key in zip(parameters, canonical, strict=True):
            array = state[key].transpose(3, 2, 0, 1) if state[key].ndim == 4 else state[key]
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(array)))
    return network


@pytest.fixture(scope="module")
def case():
    return make_case(load_experiment("seasons", "smoke", ["model.blocks=2"]))


@pytest.fixture(scope="module")
@torch.no_grad()
def expected(case):
    state = used_state(case.model, case.objective)
    model = case.experiment.model
    g_ab, g_ba = (
        filled(generator(model.filters, model.blocks), state, n) for n in ("g_ab", "g_ba")
    )
    d_a, d_b = (
        filled(discriminator(model.discriminator_filters), state, n) for n in ("d_a", "d_b")
    )
    batch = case.batches[0]
    a, b = (
        torch.from_numpy(x).permute(0, 3, 1, 2).double() / 127.5 - 1 for x in (batch.a, batch.b)
    )
    fake_a, fake_b = g_ba(b), g_ab(a)
    l1, mse = nn.functional.l1_loss, nn.functional.mse_loss

    def judged(network, images, target):
        scores = network(images)
        return mse(scores, torch.full_like(scores, target)).item()

    terms = {
        "adversarial_ab": judged(d_b, fake_b, 1),
        "adversarial_ba": judged(d_a, fake_a, 1),
        "cycle_a": l1(g_ba(fake_b), a).item(),
        "cycle_b": l1(g_ab(fake_a), b).item(),
        "identity_a": l1(g_ba(a), a).item(),
        "identity_b": l1(g_ab(b), b).item(),
        "discriminator_a": judged(d_a, a, 1) + judged(d_a, fake_a, 0),
        "discriminator_b": judged(d_b, b, 1) + judged(d_b, fake_b, 0),
    }
    fakes = {"g_ba": fake_a, "g_ab": fake_b}
    return terms, {k: v.permute(0, 2, 3, 1).numpy() for k, v in fakes.items()}


@pytest.mark.parametrize("name", backends.available())
def test_translations_and_losses_are_those_of_the_reference(case, expected, eager, name):
    terms, fakes = expected
    backend, batch = BackendCache(case, (name,)).backend(name, "float64"), case.batches[0]
    for network, source in (("g_ba", batch.b), ("g_ab", batch.a)):
        assert np.abs(backend.activations(network, source)["output"] - fakes[network]).max() < 1e-12
    backend.train_step(standing(passing(batch)))
    recorded = dict(zip(LOSS_TERMS, backend.losses()[0], strict=False))
    assert recorded == pytest.approx(terms, rel=1e-12)
