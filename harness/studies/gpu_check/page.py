"""The record of a check as a page, as Markdown and on the screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.report.formatting import MISSING, listed, plural, prefixed, significant
from harness.report.page import Answer, Note, Page, Section, Sentence, Table, text_table
from harness.studies.gpu_check.record import (
    GpuCheckRecord,
    Reached,
    Repeated,
    Started,
    Timed,
    to_json,
)
from harness.studies.study import Result, in_short

# Of environment.json's `gpu`: key -> title.
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
    return Page(
        f"GPU check: {record.device}",
        (record.finished, f"{record.seconds:.0f} s"),
        tuple(answers(record)),
        tuple(
            Section(title, (Note(note), table) if note else (table,))
            for title, note, table in tables(record)
        ),
    )


def result(record: GpuCheckRecord, file: Path, page: Path) -> Result:
    shown = tuple(replace(table, caption=title) for title, _, table in tables(record))
    return Result(page, file, to_json(record), shown, in_short(answers(record)), ok=record.ok)


def answers(record: GpuCheckRecord) -> list[Answer]:
    return [_runs(record), _right(record), _repeatable(record), _fastest(record)]


def _title(record: GpuCheckRecord, backend: str) -> str:
    for each in record.started:
        if each.backend == backend and each.environment:
            return str(each.environment["framework"])
    return backend


def _runs(record: GpuCheckRecord) -> Answer:
    question = f"Does everything run on {record.device}?"
    failed = [each for each in record.started if each.state == "failed"]
    rest: list[Reached | Timed | Repeated] = [*record.reached, *record.timed, *record.repeated]
    later = [each for each in rest if each.state == "failed"]
    good = [_title(record, each.backend) for each in record.started if each.state == "ok"]
    said = [Sentence(each.backend, each.why) for each in failed]
    said += [Sentence(f"{each.backend}{_where(each)}", each.why) for each in later]
    if failed:
        short = f"{listed([each.backend for each in failed])} cannot take a training step."
        return Answer(question, short, "no", tuple(said))
    if not good:
        return Answer(question, "Nothing was tried.", "open", ())
    short = f"{listed(good)} can train there"
    short += f", but {plural(len(later), 'measurement')} failed." if later else "."
    return Answer(question, short, "no" if later else "yes", tuple(said))


def _where(each: object) -> str:
    if isinstance(each, Timed):
        return f", {each.preset}, {each.setting}"
    if isinstance(each, Repeated):
        return ", deterministic" if each.deterministic else ", steps twice"
    return ", peaks"


def _right(record: GpuCheckRecord) -> Answer:
    question = "Does it compute the right thing there?"
    parity = record.parity
    if parity.state != "ok":
        tone = "no" if parity.state == "failed" else "open"
        return Answer(question, f"Not checked: {parity.why}.", tone, ())
    breached = [row for row in parity.rows if not row["passed"]]
    short = f"{parity.passed} of {len(parity.rows)} parity checks pass (preset {parity.preset})."
    said = tuple(Sentence(str(row["check"]), str(row["what"])) for row in breached)
    return Answer(question, short, "no" if breached else "yes", said)


def _repeatable(record: GpuCheckRecord) -> Answer:
    question = "Do the same steps give the same bits?"
    done = [each for each in record.repeated if each.same is not None]
    if not done:
        return Answer(question, "Not checked.", "open", ())
    said = []
    for each in done:
        how = "with runtime.deterministic" if each.deterministic else "without"
        what = "yes" if each.same else f"no, a loss differs by {significant(each.largest, 2)} of it"
        text = f"{what}, over {plural(each.steps, 'step')}"
        said.append(Sentence(f"{_title(record, each.backend)}, {how}", text))
    asked = [each for each in done if each.deterministic]
    kept = all(each.same for each in asked)
    short = "With runtime.deterministic, yes." if kept else "Not even with runtime.deterministic."
    return Answer(question, short, "yes" if kept else "no", tuple(said))


def _fastest(record: GpuCheckRecord) -> Answer:
    question = "Which setting is fastest?"
    done = [each for each in record.timed if each.seconds is not None]
    if not done:
        return Answer(question, "Nothing was timed.", "open", ())
    preset, best = done[-1].preset, []
    for name in dict.fromkeys(each.backend for each in done):
        own = [each for each in done if (each.backend, each.preset) == (name, preset)]
        if own:
            fastest = min(own, key=lambda each: each.seconds or 0.0)
            ratio = (own[0].seconds or 0.0) / (fastest.seconds or 1.0)
            speed = f"{ratio:.2f} times the speed of {own[0].setting}"
            best.append(f"{_title(record, name)}: {fastest.setting}, {speed}")
    how = (
        f"Steps of preset {preset}, a process for each setting, one after the other. The two"
        " frameworks are not to be compared by these times: make bench times them in turns."
    )
    return Answer(question, f"{'; '.join(best)}.", "open", (Sentence("", how),))


def tables(record: GpuCheckRecord) -> list[tuple[str, str, Table]]:
    """Title, note and table of each section."""
    return [
        ("The device", "", _device(record)),
        ("The frameworks there", f"Networks and images of preset {record.presets[0]}.",
         _frameworks(record)),
        ("Step times", "Median over blocks after warm-up, a process each. Memory: the most that"
         " the framework's allocator gave out after warm-up; on a CPU the process's own."
         f"{_not_timed(record)}", _times(record)),
        ("What the device reaches", "A large matrix product, a 3x3 convolution of 256 channels,"
         " one array added to another, in float32.", _peaks(record)),
        ("Parity", "The closest checks of each rung; all of them are in record.json.",
         _parity(record)),
    ]  # fmt: skip


def _device(record: GpuCheckRecord) -> Table:
    rows = [("Device", record.device), ("Threads", str(record.threads))]
    for key in ("driver", "python", "platform", "git_revision", "cyclebench"):
        rows.append((key.replace("_", " ").capitalize(), _text(record.machine.get(key))))
    facts = record.machine.get("gpu") or {}
    rows += [(title, _text(facts[key], key)) for key, title in GPU_FACTS.items() if key in facts]
    return text_table(("Fact", "Value"), rows)


def _text(value: Any, key: str = "") -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_text(each)}" for name, each in value.items())
    if key in ("capability", "driver_cuda"):
        return ".".join(map(str, value))
    if key in ("memory", "free_bytes"):
        return f"{value / 2**30:.1f} GiB"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "nothing"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _frameworks(record: GpuCheckRecord) -> Table:
    names = ("Backend", "Versions", "Libraries loaded", "Precision", "Start", "First step", "Next")

    def row(each: Started) -> tuple[str, ...]:
        if each.environment is None:
            return (each.backend, each.why, *[MISSING] * 5)
        seconds = (each.setup_seconds, each.first_step_seconds, each.step_seconds)
        return (
            str(each.environment["framework"]),
            _text(each.environment["versions"]),
            _text(each.environment.get("libraries") or None),
            str(each.environment["precision"]),
            *(_or_nothing(value, lambda x: prefixed(x, "s")) for value in seconds),
        )

    return text_table(names, [row(each) for each in record.started])


def _setting(record: GpuCheckRecord, timed: Timed) -> str:
    return f"{_title(record, timed.backend)}, {timed.preset}, {timed.setting}"


def _not_timed(record: GpuCheckRecord) -> str:
    """Reasons, which would make a column of the table too wide."""
    missing = [each for each in record.timed if each.seconds is None]
    reasons = "; ".join(f"{_setting(record, each)} ({each.why})" for each in missing)
    return f" Not timed: {reasons}." if reasons else ""


def _times(record: GpuCheckRecord) -> Table:
    names = ("Backend, preset, setting", "Step", "Slowest block", "FLOP/s", "Peak memory",
             "Joules a step", "Clock, MHz", "Held back by")  # fmt: skip

    def row(each: Timed) -> tuple[str, ...]:
        if each.seconds is None:
            return (_setting(record, each), each.state, *[MISSING] * 6)
        return (
            _setting(record, each),
            prefixed(each.seconds, "s"),
            prefixed(max(each.blocks), "s"),
            _or_nothing(each.flops, lambda x: prefixed(x / (each.seconds or 1.0), "FLOP/s")),
            _or_nothing(each.peak_bytes, lambda x: f"{x / 2**20:.0f} MiB"),
            _or_nothing(each.joules, lambda x: significant(x)),
            _or_nothing(each.clock_mhz, str),
            ", ".join(each.throttle_reasons) or MISSING,
        )

    return text_table(names, [row(each) for each in record.timed], numeric=True)


def _peaks(record: GpuCheckRecord) -> Table:
    rows = [
        (
            _title(record, each.backend),
            _or_nothing(each.matrix_flops, lambda x: prefixed(x, "FLOP/s")),
            _or_nothing(each.convolution_flops, lambda x: prefixed(x, "FLOP/s")),
            _or_nothing(each.bandwidth_bytes, lambda x: prefixed(x, "B/s")),
            each.why or MISSING,
        )
        for each in record.reached
    ]
    return text_table(("Backend", "Matrix product", "Convolution", "Bandwidth", "Failed"), rows)


def _parity(record: GpuCheckRecord) -> Table:
    closest: dict[str, Mapping[str, Any]] = {}
    for row in record.parity.rows:
        known = closest.get(row["check"])
        if known is None or _share(row) > _share(known):
            closest[row["check"]] = row
    rows = [
        (
            name,
            str(row["what"]),
            _or_nothing(row["measured"], lambda x: f"{x:.2g}"),
            f"{row['tolerance']:.2g}",
            "ok" if row["passed"] else "BREACH",
        )
        for name, row in closest.items()
    ]
    return text_table(("Rung", "Closest", "Measured", "Allowed", ""), rows)


def _share(row: Mapping[str, Any]) -> float:
    """Of what is allowed."""
    if row["measured"] is None:
        return float("inf")
    allowed = row["tolerance"]
    return row["measured"] / allowed if allowed else float(row["measured"] > 0)


def _or_nothing(value: Any, written: Callable[[Any], str]) -> str:
    return MISSING if value is None else written(value)
