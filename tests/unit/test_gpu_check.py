"""What a check of a GPU records, and what its page says of it."""

from __future__ import annotations

import json
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest

from harness.cli import main
from harness.report.render import page_html, write_page
from harness.studies.gpu_check import measure
from harness.studies.gpu_check.measure import SETTINGS, GpuCheck, check
from harness.studies.gpu_check.page import answers, make_page
from harness.studies.gpu_check.record import (
    GpuCheckRecord,
    Parity,
    Reached,
    Repeated,
    Started,
    Timed,
    to_json,
)
from harness.studies.study import in_short
from harness.system.errors import WorkerFailed
from harness.system.gpu import Gpu
from harness.system.machine import Machine
from harness.system.progress import Display
from harness.system.terminal_tables import screen
from harness.training import timed_session

ENVIRONMENT = {"framework": "PyTorch", "versions": {"torch": "2.13.0"}, "precision": "float32",
               "libraries": {"cudnn": "9.20.0"}, "neutral_options": ["channels_last"]}  # fmt: skip
ROW = {"check": "02 activations", "what": "torch on cuda, d_a: head", "measured": 2e-14,
       "tolerance": 1e-13, "passed": True}  # fmt: skip
GOOD = GpuCheckRecord(
    device="NVIDIA H200",
    device_kind="cuda",
    threads=16,
    finished="2026-11-29T00:00:00+00:00",
    seconds=200.0,
    presets=("quick", "paper"),
    machine={"driver": "580.95", "python": "3.12.1", "gpu": {"capability": [9, 0], "ecc": None}},
    started=(Started("torch", "ok", "", ENVIRONMENT, 3.0, 2.0, 0.02),),
    parity=Parity("ok", "", "smoke", (ROW,)),
    reached=(Reached("torch", "ok", "", 4e13, 3e13, 3.9e12),),
    timed=(
        Timed("torch", "paper", "float32", "ok", "", 4.0, (0.2, 0.1, 0.12), 2**31, 60.0, 1980),
        Timed("torch", "paper", "bfloat16", "ok", "", 4.0, (0.05, 0.06, 0.05), 2**30, 30.0, 1900),
    ),
    repeated=(
        Repeated("torch", True, "ok", "", 10, True, 0.0),
        Repeated("torch", False, "ok", "", 10, False, 1e-7),
    ),
)


def test_a_good_one(tmp_path):
    assert GOOD.ok
    assert [answer.tone for answer in answers(GOOD)] == ["yes", "yes", "yes", "open"]
    page = write_page(tmp_path, make_page(GOOD), {}).read_text("utf-8")
    for text in (page, (tmp_path / "report.md").read_text("utf-8")):
        for fact in ("PyTorch can train there", "1 of 1 parity checks", "9.20.0", "9.0", "1980"):
            assert fact in text
    assert answers(GOOD)[3].short == "PyTorch: bfloat16, 2.40 times the speed of float32."
    json.dumps(to_json(GOOD), allow_nan=False)


@pytest.mark.parametrize(
    ("changed", "question", "short"),
    [
        ({"started": (Started("tf", "failed", "no GPU seen"),)}, 0, "tf cannot take a training"),
        ({"parity": Parity("ok", "", "smoke", (ROW, {**ROW, "passed": False}))}, 1, "1 of 2"),
        ({"parity": Parity("failed", "not done after 9 s")}, 1, "not done after 9 s"),
        ({"repeated": (Repeated("torch", True, "ok", "", 10, False, 1e-7),)}, 2, "Not even with"),
        ({"timed": (Timed("torch", "paper", "TF32", "failed", "no kernel"),)}, 0, "1 measurement"),
    ],
)
def test_what_is_wrong_is_said_and_is_not_ok(changed, question, short):
    record = replace(GOOD, **changed)
    assert not record.ok
    assert answers(record)[question].tone == "no"
    assert short in in_short(answers(record))[question]


def test_what_was_not_reached_is_neither_right_nor_wrong():
    skipped = {"parity": Parity("skipped", "no time was left"), "timed": (), "repeated": ()}
    record = replace(GOOD, **skipped)
    assert record.ok
    assert [answer.tone for answer in answers(record)] == ["yes", "open", "open", "open"]
    make_page(record)


def test_a_page_says_why_a_setting_was_not_timed_and_shows_names_from_outside_as_text():
    timed = (*GOOD.timed, Timed("torch", "paper", "compiled", "failed", "no compiler"))
    page = page_html(make_page(replace(GOOD, device="<script>alert(1)</script>", timed=timed)), {})
    assert "Not timed: PyTorch, paper, compiled (no compiler)." in page
    assert "<script>alert(1)" not in page


# ------------------------------------------------------------------------------- measuring


SMOKE = {"backend": "torch", "preset": "smoke"}


@pytest.fixture
def check_of(tmp_path):
    def build(**changed):
        usual = {
            "backends": ("torch",),
            "machine": Machine("cpu", "a CPU", 1),
            "logs": tmp_path,
            "display": Display(screen(quiet=True)),
            "presets": ("smoke",),
        }
        return GpuCheck(**usual | changed)

    return build


def test_pieces_are_measured_for_real(check_of, monkeypatch):
    """In two processes: the second one, already started, is lent to the other pieces."""
    monkeypatch.setattr(measure, "BLOCK_SECONDS", 0.02)
    run, runtimes = check_of(), []
    with ExitStack() as stack:
        first, second = (stack.enter_context(run.session("torch", "smoke", {}, n)) for n in "12")
        sessions = iter([first, second, second, second])

        def lend(experiment, *arguments, **named):
            runtimes.append((experiment.runtime.deterministic, experiment.runtime.precision))
            return nullcontext(next(sessions))

        monkeypatch.setattr(measure, "timed_session", lend)
        repeated = run.piece(Repeated, measure._repeat, backend="torch", deterministic=True)
        started = run.piece(Started, measure._start, backend="torch")
        timed = run.piece(Timed, measure._time, **SMOKE, setting="bfloat16")
    assert repeated.same and repeated.largest == 0 and repeated.steps == measure.STEPS
    assert started.state == "ok" and started.step_seconds > 0
    assert timed.state == "ok" and len(timed.blocks) == measure.BLOCKS and timed.seconds > 0
    assert timed.peak_bytes > 2**20 and timed.flops > 1e6 and timed.joules is None
    assert runtimes == [(True, "float32")] * 2 + [(False, "float32"), (False, "bfloat16")]


def test_another_bit_is_noticed(check_of, monkeypatch):
    losses = iter([[[0.5] * 3] * 2, [[0.5] * 3, [0.5, 0.5, 0.5 + 1e-12]]])
    session = SimpleNamespace(ask=lambda **command: [{"losses": next(losses)}])
    monkeypatch.setattr(measure, "timed_session", lambda *_, **__: nullcontext(session))
    repeated = measure._repeat(check_of(), "torch", True)
    assert not repeated["same"] and repeated["largest"] == pytest.approx(2e-12, rel=1e-3)


def test_what_dies_is_recorded_and_the_rest_goes_on(check_of, monkeypatch):
    def dies(*arguments, **named):
        raise WorkerFailed("torch: killed (SIGKILL); see log")

    monkeypatch.setattr(timed_session, "Child", dies)
    record = check(check_of())
    assert record.started[0].state == "failed" and "SIGKILL" in record.started[0].why
    assert record.parity.state == "skipped" and not record.timed and not record.ok


def test_a_slow_setting_is_skipped_and_a_start_that_hangs_is_a_failure(check_of, monkeypatch):
    def hangs(run, **keys):
        raise WorkerFailed("torch: did nothing for 9 s and was killed", "silent")

    monkeypatch.setattr(measure, "LEAST", 0.0)
    run = check_of(seconds=0.5)
    assert run.piece(Timed, hangs, **SMOKE, setting="float32").state == "skipped"
    assert run.piece(Started, hangs, backend="torch").state == "failed"


def test_no_time_is_left(check_of):
    record = check(check_of(seconds=1.0))
    assert record.started[0].state == "skipped" and record.ok


def test_the_plain_setting_of_every_preset_comes_first_and_layouts_go_to_who_has_them():
    environments = {"torch": {"neutral_options": ["channels_last"]}, "tf": {"neutral_options": []}}
    points = list(measure._points(("smoke", "quick"), ["torch", "tf"], environments))
    assert points[:4] == [
        (preset, "float32", name) for preset in ("smoke", "quick") for name in ("torch", "tf")
    ]
    assert {setting for _, setting, name in points if name == "torch"} == set(SETTINGS)
    assert not any("channels" in setting for _, setting, name in points if name == "tf")


def test_without_a_gpu_it_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert main(["gpu-check"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "device cuda" in error


def test_what_a_gpu_has_not_is_left_out_and_no_failure(check_of, monkeypatch):
    old = Gpu("T4", "GPU-0", 2**34, (7, 5), None, (12, 4))
    monkeypatch.setattr(measure.gpu, "find_gpu", lambda: old)
    run = check_of(machine=Machine("cuda", "T4", 1))
    for setting in ("TF32", "bfloat16"):
        timed = run.piece(Timed, measure._time, **SMOKE, setting=setting)
        assert timed.state == "skipped" and "7.5" in timed.why
    assert measure._lacking({"channels_last": True}, "cuda") == ""
    monkeypatch.setattr(measure.gpu, "find_gpu", lambda: replace(old, capability=(8, 0)))
    assert measure._lacking({"tf32": True}, "cuda") == ""
