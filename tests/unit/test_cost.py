"""Operations and least traffic of a training step, phase by phase, against sums made by hand."""

from dataclasses import replace

import pytest

from backends.architecture import DiscriminatorSpec, ResNetSpec, UNetSpec
from backends.cost import Cost, NetworkCost, network_cost, phase_costs
from backends.interface import PHASES
from harness.config.load import load_experiment
from harness.plan.step_cost import step_costs, step_flops

# Three 1x1 convolutions, 3 to 2 to 4 to 1 channels; on 4 x 5 pixels 20 of each.
PIXEL = DiscriminatorSpec(kind="pixel", filters=2, norm=None)


def pixel(batch=2, compute="float32", stored="float32", **changes):
    return network_cost(replace(PIXEL, **changes), 4, 5, batch, compute, stored)


def only_flops(count):
    return NetworkCost(Cost(flops=count), Cost(), Cost())


def total(costs):
    return sum(costs.values(), Cost())


def experiment(*overrides, preset="smoke"):
    return load_experiment(None, preset, list(overrides))


def test_a_network_of_three_layers_by_hand():
    cost = pixel()
    # Kernels of 6, 8 and 4 numbers; inputs, outputs and kernel of each, for two images.
    moved = (2 * (60 + 40) + 6) + (2 * (40 + 80) + 8) + (2 * (80 + 20) + 4)
    assert cost.product == Cost(2 * 2 * 20 * (6 + 8 + 4), 4 * moved)
    assert cost.touch == Cost(0, 4 * 2 * (40 + 80))  # nothing is behind the head
    assert cost.update == Cost(0, 7 * 4 * (6 + 2 + 8 + 4 + 4 + 1))  # biases, too
    assert pixel(tanh=True).touch == Cost(0, 4 * 2 * (40 + 80 + 20))


def test_passes_by_hand():
    cost = NetworkCost(Cost(10, 100), Cost(0, 7), Cost(0, 1))
    assert cost.forward == Cost(10, 100 + 2 * 7)
    assert cost.backward_to_input == Cost(10, 100 + 3 * 7)
    assert cost.backward == Cost(20, 200 + 3 * 7)
    # Forward, to the image, twice for that pass and twice for the forward one.
    assert cost.penalty == Cost(60, 600 + (2 + 3 + 5 + 3) * 7)


def test_sizes_change_along_the_way_and_skips_make_inputs_wider():
    cost = network_cost(UNetSpec(filters=2, depth=2), 4, 4, 1, "float32", "float32")
    # 4x4 kernels: 3 to 2 (4 to 2 pixels a side), 2 to 4 (2 to 1), 4 to 2 (1 to 2), 2 + 2 to 3.
    moved = (48 + 8 + 16 * 6) + (8 + 4 + 16 * 8) + (4 + 8 + 16 * 8) + (16 + 48 + 16 * 12)
    assert cost.product.bytes == 4 * moved
    assert cost.touch.bytes == 4 * (8 + 4 + 8 + 48)  # the last is the tanh


def test_doubled_pixels_are_never_written():
    both = (ResNetSpec(filters=1, blocks=0, upsampling=u) for u in ("transposed", "resize_conv"))
    transposed, resized = (network_cost(s, 8, 8, 1, "float32", "float32") for s in both)
    assert transposed.product.bytes == resized.product.bytes
    assert transposed.product.flops < resized.product.flops


@pytest.mark.parametrize(
    ("compute", "stored", "element", "kept"),
    [("float32", "float32", 4, 4), ("float64", "float64", 8, 8), ("bfloat16", "float32", 2, 4)],
)
def test_bytes_follow_the_precision(compute, stored, element, kept):
    cost, single = pixel(compute=compute, stored=stored), pixel()
    assert 4 * cost.product.bytes == element * single.product.bytes
    assert 4 * cost.touch.bytes == element * single.touch.bytes
    assert 4 * cost.update.bytes == kept * single.update.bytes
    assert cost.product.flops == single.product.flops


def test_twice_the_images_move_twice_the_activations_but_no_more_kernels():
    one, two = pixel(batch=1), pixel(batch=2)
    kernels = 4 * (6 + 8 + 4)
    assert two.product.bytes - kernels == 2 * (one.product.bytes - kernels)
    assert two.product.flops == 2 * one.product.flops and two.touch == 2 * one.touch
    assert two.update == one.update


def test_phases_count_every_pass():
    generators, discriminators = only_flops(20), only_flops(2)
    phases = phase_costs(generators, discriminators, identity=True)
    assert tuple(phases) == PHASES
    # Three generator passes forward and backward; discriminators 1+1 frozen, then 2 x 3.
    assert {name: cost.flops for name, cost in phases.items()} == {
        "host": 0,
        "generators_forward": 3 * 20 + 2,
        "generators_backward": 6 * 20 + 2,
        "discriminators": 6 * 2,
        "optimisers": 0,
    }
    assert total(phase_costs(generators, discriminators, identity=False)).flops == 6 * 20 + 8 * 2
    # Images out of a buffer: another pass of 3. A penalty: forward, back to the image, both back.
    buffered = phase_costs(only_flops(40), only_flops(3), identity=False, shown=2)
    assert total(buffered).flops == 6 * 40 + 11 * 3
    penalised = phase_costs(only_flops(40), only_flops(3), identity=False, penalty=True)
    assert total(penalised).flops == 6 * 40 + 14 * 3


def test_phases_move_what_their_passes_do():
    generators = NetworkCost(Cost(0, 1000), Cost(0, 100), Cost(0, 7))
    discriminators = NetworkCost(Cost(0, 10), Cost(0, 1), Cost(0, 5))
    phases = phase_costs(generators, discriminators, identity=False, shown=2, penalty=True)
    assert {name: cost.bytes for name, cost in phases.items()} == {
        "host": 0,
        "generators_forward": 2 * 1200 + 12,
        "generators_backward": 2 * 2300 + 13,
        "discriminators": 3 * (12 + 23) + 73,
        "optimisers": 12,
    }


@pytest.mark.parametrize(
    ("preset", "flops"),
    [
        # As counted before phases were told apart.
        ("paper", 1_884_552_167_424),
        ("horse2zebra-buffer", 11_533_883_277_312),  # two shown batches
        ("domainnet-unet", 2_836_456_800_256),
        ("quick", 4_347_133_952),  # 12 * 79,708,160 of it for discriminators of 32 filters
    ],
)
def test_phases_of_a_preset_add_up_to_its_step(preset, flops):
    chosen = experiment(preset=preset)
    assert step_flops(chosen) == total(step_costs(chosen)).flops == flops


def test_a_step_costs_what_its_experiment_asks_for():
    usual, half = step_costs(experiment()), experiment("runtime.precision=bfloat16")
    assert usual["optimisers"] == step_costs(half)["optimisers"]
    assert usual["discriminators"].bytes == 2 * step_costs(half)["discriminators"].bytes
    batch = experiment("training.batch_size=2")
    assert usual["optimisers"] == step_costs(batch)["optimisers"]
    assert 1 < step_costs(batch)["generators_forward"].bytes / usual["generators_forward"].bytes < 2
    for override in ("objective.identity=0", "objective.adversarial=wasserstein_gp"):
        changed = step_costs(experiment(override))
        different = {name for name in PHASES if changed[name] != usual[name]}
        if "identity" in override:
            assert different == {"generators_forward", "generators_backward"}
        else:
            assert different == {"discriminators"}


def test_intensity_is_operations_a_byte():
    assert Cost(12, 4).intensity == 3 and Cost(0, 4).intensity == 0
    assert Cost().intensity is None
