"""A record as JSON that those of other machines can lie beside (schema: results/README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from backends.cost import Cost
from backends.interface import PHASES, PeakMemory, Peaks
from harness.studies.timing.record import Record, Side, Start
from harness.system import provenance
from harness.system.errors import UserError
from harness.system.files import read_json, write_json
from harness.system.untrusted import reason, shown

KIND = "bench"
# Of numbers that are measured or counted, in their units; and of a text, in characters.
SMALLEST, LARGEST, LONGEST_TEXT = 1e-12, 1e18, 2000


def file_name(record: Record, digest: str) -> str:
    """`digest`: of the configuration and what else tells two records of a device apart."""
    backends = "-".join(record.backends)
    return f"{record.preset}-{backends}-{digest}-{provenance.slug(record.device)[:80]}.json"


def is_bench(folder: Path) -> bool:
    """Whether a folder holds records of benches: JSON, but no experiment and no study."""
    # An experiment that has lost a record is still none.
    others = ("experiment.json", "study.json", "manifest.json", "audit.json", "runs")
    return not any((folder / name).exists() for name in others) and any(folder.glob("*.json"))


def write_record(record: Record, path: Path) -> None:
    """Raises OSError."""
    ratio = record.ratio
    write_json(
        path,
        {
            "kind": KIND,
            "preset": record.preset,
            "changes": dict(record.changes),
            "configuration": dict(record.configuration),
            "device": record.device,
            "threads": record.threads,
            "machine": dict(record.machine),
            "energy_source": record.energy_source,
            "width": record.width,
            "ratio": {"value": ratio.value, "low": ratio.low, "high": ratio.high},
            "costs": {phase: asdict(cost) for phase, cost in record.costs.items()},
            "starts": [
                {
                    "steps_per_block": start.steps_per_block,
                    "cold_pairs": start.cold,
                    "sides": [_written(side) for side in start.sides],
                }
                for start in record.starts
            ],
        },
    )


def _written(side: Side) -> dict[str, Any]:
    phases = side.phases
    return {
        "backend": side.backend,
        "environment": dict(side.environment),
        "setup_seconds": side.setup,
        "first_step_seconds": side.first_step,
        "seconds_per_step": list(side.blocks),
        "joules_per_step": None if side.joules is None else list(side.joules),
        "memory": asdict(side.memory),
        "phases": phases and {phase: list(seconds) for phase, seconds in phases.items()},
        "peaks": side.peaks and asdict(side.peaks),
    }


def read_records(folder: Path) -> dict[str, Record]:
    """By file name, sorted. Raises UserError naming a file that is no such record or is damaged."""
    return {path.name: read_record(path) for path in sorted(folder.glob("*.json"))}


def read_record(path: Path) -> Record:
    """Of a record from before there were phases, costs, peaks or energy, those are absent."""
    document = read_json(path)
    try:
        return _record(document)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        why = f"{type(error).__name__}: {reason(error)}"
        raise UserError(
            f"{path}: not a record of `cyclebench bench`, or damaged ({why}); move it elsewhere"
        ) from None


def _record(document: Mapping[str, Any]) -> Record:
    if document.get("kind", KIND) != KIND:
        raise ValueError(f"kind is {document['kind']!r}")
    starts = tuple(_start(number, start) for number, start in enumerate(document["starts"]))
    if len({tuple(side.backend for side in start.sides) for start in starts}) != 1:
        raise ValueError("starts: none, or of different backends")
    source = document.get("energy_source")
    record = Record(
        preset=_text(document["preset"]),
        configuration=document["configuration"],
        changes=dict(document.get("changes", {})),
        device=_text(document["device"]),
        threads=_whole(document["threads"]),
        machine=dict(document["machine"]),
        width=_positive([document.get("width", 0.05)])[0],
        starts=starts,
        costs={
            phase: Cost(_whole(cost["flops"]), _whole(cost["bytes"]))
            for phase, cost in _by_phase(document.get("costs", {})).items()
        },
        energy_source=None if source is None else _text(source),
    )
    _positive([_whole(record.batch_size)])
    if record.costs:
        _positive([sum(cost.flops for cost in record.costs.values())])
        _positive([sum(cost.bytes for cost in record.costs.values())])
    _text(record.setting), record.names  # raises where a key is missing
    return record


def _start(number: int, start: Mapping[str, Any]) -> Start:
    first, second = map(_side, start["sides"])
    cold = _whole(start["cold_pairs"])
    if len(first.blocks) != len(second.blocks) or not 0 <= cold < len(first.blocks):
        raise ValueError(f"start {number}: blocks are not pairs, or all of them are cold")
    return Start(number, _whole(start["steps_per_block"]), cold, first, second)


def _side(side: Mapping[str, Any]) -> Side:
    blocks, joules = _positive(side["seconds_per_step"]), side.get("joules_per_step")
    if joules is not None and len(joules) != len(blocks):
        raise ValueError("joules_per_step: not one a block")
    phases, best = side.get("phases"), side.get("peaks")
    if phases and len({len(seconds) for seconds in phases.values()}) != 1:
        raise ValueError("phases: not of the same steps")
    if phases and not sum(median(_finite(seconds)) for seconds in phases.values()):
        raise ValueError("phases: they take no time")
    _text(side["environment"]["framework"])
    return Side(
        backend=_text(side["backend"]),
        environment=dict(side["environment"]),
        setup=_finite([side["setup_seconds"]])[0],
        first_step=_positive([side["first_step_seconds"]])[0],
        blocks=blocks,
        memory=_memory(**side["memory"]),
        joules=None if joules is None else _finite(joules),
        phases=phases and {name: _finite(seconds) for name, seconds in _by_phase(phases).items()},
        peaks=best and Peaks(*_positive([best[name] for name in Peaks.__dataclass_fields__])),
    )


def _by_phase(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """In the order of PHASES, all of them or none."""
    if found and set(found) != set(PHASES):
        raise ValueError(f"phases: {', '.join(found)} in place of {', '.join(PHASES)}")
    return {phase: found[phase] for phase in PHASES if found}


def _finite(values: Any) -> tuple[float, ...]:
    """At least one, none below zero, none that nothing measures."""
    if not isinstance(values, list) or not all(type(each) in (int, float) for each in values):
        raise TypeError(f"{shown(values)} in place of numbers")
    if not values or not all(0 <= each <= LARGEST for each in values):
        raise ValueError("a measured number is missing, below zero or beyond all measure")
    return tuple(map(float, values))


def _positive(values: Any) -> tuple[float, ...]:
    floats = _finite(values)
    if min(floats) < SMALLEST:
        raise ValueError("a measured number is not above zero")
    return floats


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise TypeError(f"{shown(value)} in place of a whole number")
    return value


def _memory(bytes: object, kind: object) -> PeakMemory:
    if kind not in ("device", "resident"):
        raise ValueError(f"memory: of the kind {kind!r}")
    return PeakMemory(_whole(bytes), kind)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise TypeError(f"{shown(value)} in place of a text")
    return value
