"""The record of a check as a page, as Markdown and on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import backends
from harness.report.formatting import MISSING, listed, plural, prefixed, significant
from harness.report.page import Answer, Note, Page, Section, Sentence, Table, text_table
from harness.studies.gpu_check.record import GpuCheckRecord, Reached, Repeated, Timed, to_json
from harness.studies.study import Result, in_short

# Keys of environment.json's `gpu`, and the titles of their rows.
GPU_FACTS = {
    "uuid": "UUID",
    "capability": "Compute capability",
    "memory": "Memory",
    "driver_cuda": "CUDA of the driver, at most",
    "power_limit_watts": "Power limit, W",
    "default_power_limit_watts": "Power limit as delivered, W",
    "max_clocks": "Largest clocks",
    "clocks": "Clocks before the check",
    "compute_mode": "Compute mode",
    "persistence": "Persistence mode",
    "ecc": "ECC",
    "mig": "MIG",
    "other_processes": "Other processes",
    "free_bytes": "Free memory",
    "throttle_reasons": "What held the clocks back",
}


def make_page(record: GpuCheckRecord) -> Page:
    """What `report/render.py` writes."""
    sections = []
    for title, note, table in tables(record):
        sections.append(Section(title, (Note(note), table) if note else (table,)))
    about = (record.finished, f"{record.seconds:.0f} s")
    return Page(f"GPU check: {record.device}", about, tuple(answers(record)), tuple(sections))


def result(record: GpuCheckRecord, file: Path, page: Path) -> Result:
    with_captions = tuple(replace(table, caption=title) for title, _, table in tables(record))
    short = in_short(answers(record))
    return Result(page, file, to_json(record), with_captions, short, ok=record.ok)


def _title(record: GpuCheckRecord, backend: str) -> str:
    titles = backends.titles(
        (started.backend, started.environment) for started in record.started if started.environment
    )
    return titles.get(backend, backend)


# ------------------------------------------------------------------------------------ answers


def answers(record: GpuCheckRecord) -> list[Answer]:
    return [_runs(record), _right(record), _repeatable(record), _fastest(record)]


def _runs(record: GpuCheckRecord) -> Answer:
    question = f"Does everything run on {record.device}?"
    failed = [started for started in record.started if started.state == "failed"]
    working = [_title(record, each.backend) for each in record.started if each.state == "ok"]
    measured: list[tuple[str, Reached | Timed | Repeated]] = []
    measured += [("peaks", reached) for reached in record.reached]
    measured += [(f"{timed.preset}, {timed.setting}", timed) for timed in record.timed]
    for repeated in record.repeated:
        measured.append(("deterministic" if repeated.deterministic else "steps twice", repeated))
    later = [
        Sentence(f"{piece.backend}, {what}", piece.why)
        for what, piece in measured
        if piece.state == "failed"
    ]
    sentences = (*(Sentence(started.backend, started.why) for started in failed), *later)
    if failed:
        short = f"{listed([started.backend for started in failed])} cannot take a training step."
        return Answer(question, short, "no", sentences)
    if not working:
        return Answer(question, "Nothing was tried.", "open", ())
    short = f"{listed(working)} can train there"
    short += f", but {plural(len(later), 'measurement')} failed." if later else "."
    return Answer(question, short, "no" if later else "yes", sentences)


def _right(record: GpuCheckRecord) -> Answer:
    question = "Does it compute the right thing there?"
    parity = record.parity
    if parity.state != "ok":
        tone = "no" if parity.state == "failed" else "open"
        return Answer(question, f"Not checked: {parity.why}.", tone, ())
    breached = [row for row in parity.rows if not row["passed"]]
    short = f"{parity.passed} of {len(parity.rows)} parity checks pass (preset {parity.preset})."
    sentences = tuple(Sentence(str(row["check"]), str(row["what"])) for row in breached)
    return Answer(question, short, "no" if breached else "yes", sentences)


def _repeatable(record: GpuCheckRecord) -> Answer:
    question = "Do the same steps give the same bits?"
    done = [repeated for repeated in record.repeated if repeated.same is not None]
    if not done:
        return Answer(question, "Not checked.", "open", ())
    sentences = []
    for repeated in done:
        how = "with runtime.deterministic" if repeated.deterministic else "without"
        difference = f"no, a loss differs by {significant(repeated.largest, 2)} of it"
        text = "yes" if repeated.same else difference
        text += f", over {plural(repeated.steps, 'step')}"
        sentences.append(Sentence(f"{_title(record, repeated.backend)}, {how}", text))
    kept = all(repeated.same for repeated in done if repeated.deterministic)
    short = "With runtime.deterministic, yes." if kept else "Not even with runtime.deterministic."
    return Answer(question, short, "yes" if kept else "no", tuple(sentences))


def _fastest(record: GpuCheckRecord) -> Answer:
    question = "Which setting is fastest?"
    done = [(timed, timed.seconds) for timed in record.timed if timed.seconds is not None]
    if not done:
        return Answer(question, "Nothing was timed.", "open", ())
    preset, phrases = done[-1][0].preset, []
    for name in dict.fromkeys(timed.backend for timed, _ in done):
        own = [
            (seconds, timed.setting)
            for timed, seconds in done
            if (timed.backend, timed.preset) == (name, preset)
        ]
        if own:
            (plain, plain_setting), (fastest, setting) = own[0], min(own, key=lambda row: row[0])
            speed = f"{plain / fastest:.2f} times the speed of {plain_setting}"
            phrases.append(f"{_title(record, name)}: {setting}, {speed}")
    two = " two" if len({timed.backend for timed, _ in done}) < 3 else ""
    how = (
        f"Steps of preset {preset}, a process for each setting, one after the other. The{two}"
        " frameworks are not to be compared by these times: make bench times them in turns."
    )
    return Answer(question, f"{'; '.join(phrases)}.", "open", (Sentence("", how),))


# ------------------------------------------------------------------------------------- tables


def tables(record: GpuCheckRecord) -> list[tuple[str, str, Table]]:
    """Title, note and table of each section."""
    return [_device(record), _frameworks(record), _times(record), _peaks(record), _parity(record)]


def _device(record: GpuCheckRecord) -> tuple[str, str, Table]:
    rows = [("Device", record.device), ("Threads", str(record.threads))]
    for key in ("driver", "python", "platform", "git_revision", "cyclebench"):
        rows.append((key.replace("_", " ").capitalize(), _text(record.machine.get(key))))
    facts = record.machine.get("gpu") or {}
    rows += [(title, _text(facts[key], key)) for key, title in GPU_FACTS.items() if key in facts]
    return "The device", "", text_table(("Fact", "Value"), rows)


def _text(value: Any, key: str = "") -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_text(part)}" for name, part in value.items())
    if key in ("capability", "driver_cuda"):
        return ".".join(map(str, value))
    if key in ("memory", "free_bytes"):
        return f"{value / 2**30:.1f} GiB"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "nothing"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _frameworks(record: GpuCheckRecord) -> tuple[str, str, Table]:
    names = ("Backend", "Versions", "Libraries loaded", "Precision", "Start", "First step", "Next")
    rows = []
    for started in record.started:
        if started.environment is None:
            rows.append((started.backend, started.why, *[MISSING] * 5))
            continue
        seconds = (started.setup_seconds, started.first_step_seconds, started.step_seconds)
        row = (
            _title(record, started.backend),
            _text(started.environment["versions"]),
            _text(started.environment.get("libraries") or None),
            str(started.environment["precision"]),
            *(prefixed(value, "s") for value in seconds),
        )
        rows.append(row)
    note = f"Networks and images of preset {record.presets[0]}."
    return "The frameworks there", note, text_table(names, rows)


def _times(record: GpuCheckRecord) -> tuple[str, str, Table]:
    names = ("Backend, preset, setting", "Step", "Slowest block", "FLOP/s", "Peak memory",
             "Joules a step", "Clock, MHz", "Held back by")  # fmt: skip
    rows, reasons = [], []
    for timed in record.timed:
        setting = f"{_title(record, timed.backend)}, {timed.preset}, {timed.setting}"
        seconds, peak, clock = timed.seconds, timed.peak_bytes, timed.clock_mhz
        if seconds is None:
            rows.append((setting, timed.state, *[MISSING] * 6))
            reasons.append(f"{setting} ({timed.why})")
            continue
        row = (
            setting,
            prefixed(seconds, "s"),
            prefixed(max(timed.blocks), "s"),
            MISSING if timed.flops is None else prefixed(timed.flops / seconds, "FLOP/s"),
            MISSING if peak is None else f"{peak / 2**20:.0f} MiB",
            significant(timed.joules),
            MISSING if clock is None else str(clock),
            ", ".join(timed.throttle_reasons) or MISSING,
        )
        rows.append(row)
    note = (
        "Median over blocks after warm-up, a process each. Memory: the most that the framework's"
        " allocator gave out after warm-up; on a CPU the process's own."
    )
    # A column with the reasons would make the table too wide.
    note += f" Not timed: {'; '.join(reasons)}." if reasons else ""
    return "Step times", note, text_table(names, rows, numeric=True)


def _peaks(record: GpuCheckRecord) -> tuple[str, str, Table]:
    rows = [
        (
            _title(record, reached.backend),
            prefixed(reached.matrix_flops, "FLOP/s"),
            prefixed(reached.convolution_flops, "FLOP/s"),
            prefixed(reached.bandwidth_bytes, "B/s"),
            reached.why or MISSING,
        )
        for reached in record.reached
    ]
    note = (
        "A large matrix product, a 3x3 convolution of 256 channels, one array added to another, in"
        " float32."
    )
    names = ("Backend", "Matrix product", "Convolution", "Bandwidth", "Failed")
    return "What the device reaches", note, text_table(names, rows)


def _parity(record: GpuCheckRecord) -> tuple[str, str, Table]:
    def share(row: Mapping[str, Any]) -> float:
        """Of what is allowed."""
        measured, allowed = row["measured"], row["tolerance"]
        if measured is None:
            return float("inf")
        return measured / allowed if allowed else float(measured > 0)

    closest: dict[str, Mapping[str, Any]] = {}
    for row in record.parity.rows:
        if row["check"] not in closest or share(row) > share(closest[row["check"]]):
            closest[row["check"]] = row
    rows = [
        (
            rung,
            str(row["what"]),
            MISSING if row["measured"] is None else f"{row['measured']:.2g}",
            f"{row['tolerance']:.2g}",
            "ok" if row["passed"] else "BREACH",
        )
        for rung, row in closest.items()
    ]
    note = "The closest checks of each rung; all of them are in record.json."
    return "Parity", note, text_table(("Rung", "Closest", "Measured", "Allowed", ""), rows)
