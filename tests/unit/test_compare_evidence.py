"""What a comparison says when parity or course cannot be had, or a check failed: it goes on."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console
from test_report_evidence import CLIMB, failing

from harness.records.evidence import PARITY, parity_climbs
from harness.studies import comparison
from harness.system.errors import UserError, WorkerFailed
from harness.system.machine import Machine
from harness.system.progress import Display
from harness.training.jobs import ComparisonRequest

CPU = Machine("cpu", "a CPU", 1)


@pytest.fixture
def display():
    return Display(Console(file=io.StringIO(), width=1000))


def check(monkeypatch, folder, display, found, names=("torch", "tf")):
    asked = []

    def recorded(experiment, backends, device, progress):
        asked.append((backends, device))
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(comparison, "parity_record", recorded)
    bench = SimpleNamespace(folder=folder, experiment=None)
    request = ComparisonRequest(backends=names)
    comparison.check_function(bench, request, CPU, display)
    return asked, display.console.file.getvalue()


def test_the_result_is_said_at_once_and_written(monkeypatch, tmp_path, display):
    # In the order of the folder, whatever was asked for today.
    asked, said = check(monkeypatch, tmp_path, display, CLIMB, ("tf", "torch"))
    assert asked == [(["torch", "tf"], "cpu")]
    assert said.startswith("PyTorch and TensorFlow compute the same function: 4 checks")
    assert parity_climbs(tmp_path / PARITY) == [CLIMB]


def test_a_breach_is_said_at_once_and_stops_nothing(monkeypatch, tmp_path, display):
    _, said = check(monkeypatch, tmp_path, display, failing(0, 0.5))
    assert said.startswith("PyTorch and TensorFlow do not compute the same function: 1 of 4")


def test_networks_that_the_ladder_cannot_take_are_said_and_stop_nothing(
    monkeypatch, tmp_path, display
):
    _, said = check(monkeypatch, tmp_path, display, UserError("its networks need more"))
    assert said == "Parity is not checked: its networks need more\n"
    assert not (tmp_path / PARITY).exists()


def test_one_backend_is_compared_with_nothing(monkeypatch, tmp_path, display):
    assert check(monkeypatch, tmp_path, display, CLIMB, ("tf",)) == ([], "")
    request = ComparisonRequest(backends=("tf",))
    monkeypatch.setattr(comparison, "write_course", lambda *_: pytest.fail("a twin was trained"))
    comparison.follow_course(SimpleNamespace(), {}, request, CPU, display)


def test_a_twin_that_dies_costs_its_sentence_alone(monkeypatch, display):
    def died(*_):
        raise WorkerFailed("torch, seed 0: killed by the kernel", "memory")

    monkeypatch.setattr(comparison, "write_course", died)
    comparison.follow_course(SimpleNamespace(), {}, ComparisonRequest(), CPU, display)
    said = display.console.file.getvalue()
    assert said == (
        "The course of the weights is not compared: torch, seed 0: killed by the kernel\n"
    )
