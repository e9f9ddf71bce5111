"""What is kept of a comparison or a bench: some kB of JSON, without losses, images or weights.

The same entry is a line of a history (`cyclebench track`), a row of a site (`cyclebench publish`)
and a file that a contributor sends. So whatever is wrong in one is refused, unknown keys too.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from harness.statistics.intervals import Interval
from harness.system.dates import FIRST, LAST
from harness.system.errors import UserError

MOST_TEXT, MOST_WORDS = 300, 2000  # characters
# Far beyond whatever is measured, and safe to add up, to draw and to write.
Number = Annotated[float, Field(strict=True, ge=-1e15, le=1e15)]
Positive = Annotated[float, Field(strict=True, gt=0, le=1e15)]
Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Text = Annotated[str, Field(strict=True, max_length=MOST_TEXT)]
Name = Annotated[str, Field(strict=True, min_length=1, max_length=200)]
Words = Annotated[str, Field(strict=True, max_length=MOST_WORDS)]
# No clock is off by more, and every calendar has these days in every time zone.
Moment = Annotated[AwareDatetime, Field(ge=FIRST, lt=LAST)]


class NoEntry(UserError):
    """Something of this program that is whole, and holds no measurement of two backends."""


class EntryPart(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class EntryEstimate(EntryPart):
    """`low`, `high`: of the 95 % interval; null where there are too few seeds or starts for one.

    `n`: seeds, or starts of the processes.
    """

    value: Number
    low: Number | None = None
    high: Number | None = None
    n: Count

    @classmethod
    def of(cls, interval: Interval, n: int) -> EntryEstimate | None:
        """None where there is no value."""
        if interval.value is None:
            return None
        return cls(value=interval.value, low=interval.low, high=interval.high, n=n)

    @property
    def interval(self) -> Interval:
        return Interval(self.value, self.low, self.high)

    @model_validator(mode="after")
    def _is_an_interval(self) -> EntryEstimate:
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high: one of them without the other")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low: above high")
        return self


class EntryMachine(EntryPart):
    """`device`: the GPU's name, or the CPU's with the threads that were used. `memory`: bytes of a
    GPU."""

    device: Name
    kind: Literal["cpu", "cuda"]
    threads: Count | None = None
    driver: Text | None = None
    memory: Count | None = None
    platform: Text = ""
    python: Text = ""


class Code(EntryPart):
    """Of this program. `revision`: commit, with `+` where files differed from it; null: unknown."""

    version: Text
    revision: Text | None = None
    source_digest: Text | None = None


class EntryScore(EntryPart):
    """Of the last step. `estimate`: over seeds, in the unit of metrics.json."""

    metric: Name
    direction: Text
    estimate: EntryEstimate


class Side(EntryPart):
    """One backend. `step`: seconds; `memory`: peak, bytes; `joules`: an image. Null: not known."""

    backend: Name
    title: Name
    versions: dict[Name, Text]
    step: EntryEstimate | None = None
    memory: Count | None = None
    memory_kind: Text | None = None
    joules: Positive | None = None
    scores: tuple[EntryScore, ...] = ()


class EntryVerdict(EntryPart):
    """Of one score of a pair. `difference`: first minus second. `margin_scale`: `ratio` (1.25 is
    0.80 to 1.25 of first over second) or `difference`. `primary`: this score decides."""

    metric: Name
    direction: Text
    difference: EntryEstimate
    margin: Positive | None
    margin_scale: Literal["ratio", "difference"] = "difference"
    primary: bool = False
    verdict: Text


class EntryPair(EntryPart):
    """`ratio`: how many times as long a step of `second` takes as one of `first`."""

    first: Name
    second: Name
    ratio: EntryEstimate | None = None
    verdicts: tuple[EntryVerdict, ...] = ()


class Reference(EntryPart):
    """`floor`: real images against real ones; `untranslated`: the score of doing nothing."""

    metric: Name
    direction: Text
    floor: Number | None = None
    untranslated: Number | None = None


class Entry(EntryPart):
    """`identity`: of the records it was made from, so that nothing counts twice. `series`: equal
    where only machine, code, versions and day may differ: digest of data and configuration.
    `changes`: dotted keys that are not as the preset has them, as text. `sentence`: the report's
    first. `steps`: of a training; 0 for a bench. `backends`, in the order of differences.
    """

    schema_version: Literal[1] = 1
    kind: Literal["comparison", "bench"]
    identity: Name
    measured: Moment
    series: Name
    dataset: Name | None
    preset: Name
    changes: dict[Name, Text] = {}
    image: tuple[Count, Count]
    batch: Count
    precision: Text
    steps: Count
    seeds: tuple[Count, ...] = ()
    machine: EntryMachine
    code: Code
    backends: Annotated[tuple[Side, ...], Field(min_length=1, max_length=50)]
    pairs: tuple[EntryPair, ...] = ()
    references: tuple[Reference, ...] = ()
    sentence: Words = ""

    @model_validator(mode="after")
    def _names_fit(self) -> Entry:
        names = [side.backend for side in self.backends]
        if len(set(names)) != len(names):
            raise ValueError("backends: one is there twice")
        for pair in self.pairs:
            if pair.first == pair.second or not {pair.first, pair.second} <= set(names):
                raise ValueError(f"pairs: {pair.first}, {pair.second}: not two of the backends")
        return self

    @property
    def day(self) -> str:
        """ "2026-11-26", in UTC."""
        return self.measured.astimezone(FIRST.tzinfo).date().isoformat()

    def line(self) -> str:
        """One line of a history."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False)


def digest(document: Any) -> str:
    """For `identity` and `series`: of JSON, whatever the order of its keys."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
