"""The ladder on another device, against the CPU. The device is a CPU under another name here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.objective import Objective
from harness.studies.parity import backend_cache, climb, training
from harness.studies.parity.backend_cache import BackendCache, Site
from harness.studies.parity.ladder import CHECKS

ON_DEVICE = "torch on cuda"


@pytest.fixture
def on_device(healthy, rows, monkeypatch):
    """A cache whose second site is PyTorch in another process; `change` is done to its objective.

    What is known of the first from climbing with two backends is not measured again.
    """
    caches = []

    def made(change=lambda objective: objective):
        real = backend_cache.load_in

        def load_in(process, name, model, objective, runtime):
            assert runtime.device == "cuda"
            return real(process, name, model, change(objective), replace(runtime, device="cpu"))

        monkeypatch.setattr(backend_cache, "load_in", load_in)
        sites = {"torch": Site("torch"), ON_DEVICE: Site("torch", "cuda")}
        caches.append(BackendCache(healthy.case, tuple(sites), sites, ("bfloat16", "tf32")))
        caches[-1].adopt(healthy, ["torch"])
        for function in (training.received, training.given):
            caches[-1]._measured.pop((function, "torch"), None)  # of all backends there were
        return caches[-1]

    yield made
    for each in caches:
        for process in each._processes.values():
            process.close()


def test_every_rung_is_climbed_there(on_device):
    lab_there = on_device()
    rows = list(climb(lab_there))
    breached = [row for row in rows if not row.passed]
    assert not breached
    there = {row.check for row in rows if row.what.startswith(ON_DEVICE)}
    assert there == {check.rung.label for check in CHECKS}
    assert len(lab_there._processes) == 2, "TF32 is for a whole process"
    # Of the CPU nothing is asked that a GPU alone does.
    reduced = [row for row in rows if row.check.startswith("13")]
    assert {row.what.partition(",")[0] for row in reduced if "tf32" in row.what} == {ON_DEVICE}
    assert {row.what.partition(",")[0] for row in reduced if "bfloat16" in row.what} == {
        "torch",
        ON_DEVICE,
    }


def test_what_the_device_does_otherwise_is_named(on_device):
    def off(objective: Objective) -> Objective:
        return replace(objective, lambda_a=1.05 * objective.lambda_a)

    rows = climb(on_device(off))
    first = next(row for row in rows if not row.passed)
    assert first.what.startswith(ON_DEVICE) and first.check == "04 gradients"
