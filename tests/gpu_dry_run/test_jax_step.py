"""A training step in JAX, compiled by XLA for a GPU that is not there.

Not to be seen so: how long a kernel takes, which kernel of several is the fastest (XLA tries that
out on the GPU), and what the host and JAX need besides.
"""

from __future__ import annotations

import pytest
from jax_step import Program, compiled
from settings import SETTINGS, Setting

PLAIN, REDUCED = Setting("resnet", 1), Setting("resnet", 1, "bfloat16")
# Of compute capability 8.0 and 9.0 XLA makes different programs.
MAJOR = {"float32": 8, "bfloat16": 9}


@pytest.fixture(scope="module")
def programs(counted):
    """Of every setting, compiled once: ten seconds each."""
    found = {setting: compiled(setting, MAJOR[setting.precision]) for setting in SETTINGS}
    for setting, each in found.items():
        numbers = {"calls_of_cudnn": len(each.calls), "other_kernels": each.started["fusion"]}
        numbers |= {"copies": each.started["copy"], "work_MiB": each.work_bytes >> 20}
        counted(f"JAX {setting}", numbers)
    return found


def each(settings):
    return pytest.mark.parametrize("setting", settings, ids=str)


@each(SETTINGS)
def test_all_convolutions_are_cudnns(programs, setting):
    """Of others XLA makes loops: so it would of one that it does not recognise."""
    found: Program = programs[setting]
    assert found.results("convolution") == []
    assert len(found.calls) > 250
    kind = {"float32": "f32", "bfloat16": "bf16"}[setting.precision]
    assert all(f"= ({kind}[" in call for call in found.calls)


@each(SETTINGS)
def test_the_new_state_is_written_where_the_old_one_was(programs, setting):
    assert programs[setting].kept_bytes == programs[setting].state_bytes


@each([setting for setting in SETTINGS if setting.networks == "resnet" and setting.count == 4])
def test_layouts_are_not_turned(programs, setting):
    """But for kernels, and images of three channels: activations of the stem have 8."""
    largest = max(size for _, size in programs[setting].results("transpose"))
    assert largest < setting.count * 64 * 64 * 8


def precisions(program: Program) -> set[str]:
    """Of images and kernels."""
    return {call.partition("operand_precision={")[2].partition(",")[0] for call in program.calls}


def test_products_have_all_bits_unless_tf32_is_asked_for(programs):
    assert precisions(programs[PLAIN]) == {"highest"}
    assert precisions(compiled(PLAIN, 8, tf32=True)) == {"high"}


def test_deterministic_nothing_is_chosen_by_the_clock(programs):
    """A choice that is still to be made on the GPU is "-1" here."""
    assert all('"algo_id":"-1"' in call for call in programs[PLAIN].calls)
    found = compiled(PLAIN, 8, deterministic=True)
    assert len(found.calls) == len(programs[PLAIN].calls)
    assert not any("algo_id" in call for call in found.calls)
    # What adds up in the order in which it comes.
    assert found.results("scatter") == found.results("select-and-scatter") == []


@pytest.mark.parametrize("major", [8, 9])
def test_bfloat16_is_rounded_to_behind_every_operation(major):
    """GPUs of compute capability 8.0 add in float32: there XLA by itself leaves roundings out."""
    rounded, by_itself = (
        len([kind for kind, _ in found.results("convert") if kind == "bf16"])
        for found in (
            compiled(REDUCED, major),
            compiled(REDUCED, major, {"xla_allow_excess_precision": True}),
        )
    )
    assert rounded > 1.2 * by_itself if major == 8 else rounded == by_itself
