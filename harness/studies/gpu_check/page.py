"""The record of a check as a page, as Markdown and on the screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Drawn

from harness.report.comparison.baseline_check import Sentence
from harness.report.comparison.tables import Cell, Table
from harness.report.comparison.verdict import Answer
from harness.report.formatting import listed, plural, prefixed, significant
from harness.report.render import write_pages
from harness.studies.gpu_check.record import Reached, Record, Repeated, Started, Timed
from harness.system.terminal_tables import show
from harness.system.untrusted import printable

NOTHING = "–"  # noqa: RUF001
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


@dataclass(frozen=True)
class Part:
    """A section of the page."""

    title: str
    note: str
    table: Table


def write_page(record: Record, folder: Path) -> Path:
    """report.html and report.md; returns the path of the former."""
    given = {
        "device": record.device,
        "about": [record.finished, f"{record.seconds:.0f} s"],
        "answers": answers(record),
        "parts": parts(record),
        "figures": [],
    }
    return write_pages(folder, "gpu_check", given, {})


def print_record(record: Record, console: Console) -> None:
    for part in parts(record):
        table = Drawn(title=part.title)
        for cell in part.table.header:
            table.add_column(cell.text, overflow="fold")
        for row in part.table.rows:
            texts = (" ".join(filter(None, (c.text, c.detail))) for c in row)
            table.add_row(*(printable(text) for text in texts))
        show(table, console)


def sentences(record: Record) -> list[str]:
    return [f"{answer.question} {answer.short}" for answer in answers(record)]


def answers(record: Record) -> list[Answer]:
    return [_runs(record), _right(record), _repeatable(record), _fastest(record)]


def _title(record: Record, backend: str) -> str:
    for each in record.started:
        if each.backend == backend and each.environment:
            return str(each.environment["framework"])
    return backend


def _runs(record: Record) -> Answer:
    question = f"Does everything run on {record.device}?"
    failed = [each for each in record.started if each.state == "failed"]
    parts: list[Reached | Timed | Repeated] = [*record.reached, *record.timed, *record.repeated]
    later = [each for each in parts if each.state == "failed"]
    good = [_title(record, each.backend) for each in record.started if each.state == "ok"]
    said = [Sentence(f"{each.backend}:", each.why) for each in failed]
    said += [Sentence(f"{each.backend}{_where(each)}:", each.why) for each in later]
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


def _right(record: Record) -> Answer:
    question = "Does it compute the right thing there?"
    parity = record.parity
    if parity.state != "ok":
        tone = "no" if parity.state == "failed" else "open"
        return Answer(question, f"Not checked: {parity.why}.", tone, ())
    breached = [row for row in parity.rows if not row["passed"]]
    short = f"{parity.passed} of {len(parity.rows)} parity checks pass (preset {parity.preset})."
    said = tuple(Sentence(f"{row['check']}:", str(row["what"])) for row in breached)
    return Answer(question, short, "no" if breached else "yes", said)


def _repeatable(record: Record) -> Answer:
    question = "Do the same steps give the same bits?"
    done = [each for each in record.repeated if each.same is not None]
    if not done:
        return Answer(question, "Not checked.", "open", ())
    said = []
    for each in done:
        how = "with runtime.deterministic" if each.deterministic else "without"
        what = "yes" if each.same else f"no, a loss differs by {significant(each.largest, 2)} of it"
        text = f"{what}, over {plural(each.steps, 'step')}"
        said.append(Sentence(f"{_title(record, each.backend)}, {how}:", text))
    asked = [each for each in done if each.deterministic]
    kept = all(each.same for each in asked)
    short = "With runtime.deterministic, yes." if kept else "Not even with runtime.deterministic."
    return Answer(question, short, "yes" if kept else "no", tuple(said))


def _fastest(record: Record) -> Answer:
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


def parts(record: Record) -> list[Part]:
    return [
        Part("The device", "", _device(record)),
        Part("The frameworks there", f"Networks and images of preset {record.presets[0]}.",
             _frameworks(record)),
        Part("Step times", "Median over blocks after warm-up, a process each. Memory: the most that"
             " the framework's allocator gave out after warm-up; on a CPU the process's own.",
             _times(record)),
        Part("What the device reaches", "A large matrix product, a 3x3 convolution of 256 channels,"
             " one array added to another, in float32.", _peaks(record)),
        Part("Parity", "The closest checks of each rung; all of them are in record.json.",
             _parity(record)),
    ]  # fmt: skip


def _rows(names: Sequence[str], rows: Sequence[Sequence[str]], numeric: bool = False) -> Table:
    body = tuple(tuple(Cell(text) for text in row) for row in rows)
    return Table(tuple(Cell(name) for name in names), body, numeric=numeric)


def _device(record: Record) -> Table:
    rows = [("Device", record.device), ("Threads", str(record.threads))]
    for key in ("driver", "python", "platform", "git_revision", "cyclebench"):
        rows.append((key.replace("_", " ").capitalize(), _text(record.machine.get(key))))
    facts = record.machine.get("gpu") or {}
    rows += [(title, _text(facts[key], key)) for key, title in GPU_FACTS.items() if key in facts]
    return _rows(("Fact", "Value"), rows)


def _text(value: Any, key: str = "") -> str:
    if value is None:
        return NOTHING
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


def _frameworks(record: Record) -> Table:
    names = ("Backend", "Versions", "Libraries loaded", "Precision", "Start", "First step", "Next")

    def row(each: Started) -> tuple[str, ...]:
        if each.environment is None:
            return (each.backend, each.why, *[NOTHING] * 5)
        seconds = (each.setup_seconds, each.first_step_seconds, each.step_seconds)
        return (
            str(each.environment["framework"]),
            _text(each.environment["versions"]),
            _text(each.environment.get("libraries") or None),
            str(each.environment["precision"]),
            *(_or_nothing(value, lambda x: prefixed(x, "s")) for value in seconds),
        )

    return _rows(names, [row(each) for each in record.started])


def _times(record: Record) -> Table:
    names = ("Backend, preset, setting", "Step", "Slowest block", "FLOP/s", "Peak memory",
             "Joules a step", "Clock, MHz", "Held back by")  # fmt: skip

    def row(each: Timed) -> tuple[str, ...]:
        label = f"{_title(record, each.backend)}, {each.preset}, {each.setting}"
        if each.seconds is None:
            return (label, f"{each.state}: {each.why}", *[NOTHING] * 6)
        return (
            label,
            prefixed(each.seconds, "s"),
            prefixed(max(each.blocks), "s"),
            _or_nothing(each.flops, lambda x: prefixed(x / (each.seconds or 1.0), "FLOP/s")),
            _or_nothing(each.peak_bytes, lambda x: f"{x / 2**20:.0f} MiB"),
            _or_nothing(each.joules, lambda x: significant(x)),
            _or_nothing(each.clock_mhz, str),
            ", ".join(each.throttle_reasons) or NOTHING,
        )

    return _rows(names, [row(each) for each in record.timed], numeric=True)


def _peaks(record: Record) -> Table:
    rows = [
        (
            _title(record, each.backend),
            _or_nothing(each.matrix_flops, lambda x: prefixed(x, "FLOP/s")),
            _or_nothing(each.convolution_flops, lambda x: prefixed(x, "FLOP/s")),
            _or_nothing(each.bandwidth_bytes, lambda x: prefixed(x, "B/s")),
            each.why or NOTHING,
        )
        for each in record.reached
    ]
    return _rows(("Backend", "Matrix product", "Convolution", "Bandwidth", "Failed"), rows)


def _parity(record: Record) -> Table:
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
    return _rows(("Rung", "Closest", "Measured", "Allowed", ""), rows)


def _share(row: Mapping[str, Any]) -> float:
    """Of what is allowed."""
    if row["measured"] is None:
        return float("inf")
    allowed = row["tolerance"]
    return row["measured"] / allowed if allowed else float(row["measured"] > 0)


def _or_nothing(value: Any, written: Callable[[Any], str]) -> str:
    return NOTHING if value is None else written(value)
