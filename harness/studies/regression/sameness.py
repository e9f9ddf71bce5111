"""Whether two measurements are of one experiment, scored in one way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.config.differences import differences, flat
from harness.studies.regression.measured import Measurement
from harness.system.errors import UserError

# Floors are the same images scored the same way: they differ by rounding, or not at all.
SAME_FLOOR = 1e-6


def check_same(new: Measurement, baseline: Measurement, allow: Sequence[str]) -> tuple[str, ...]:
    if new.kind != baseline.kind:
        raise UserError(
            f"{new.name}: of a {new.kind}, {baseline.name} of a {baseline.kind}; give two of a kind"
        )
    if new.data != baseline.data:
        raise UserError(
            f"{new.name}: of other images than {baseline.name}: digest of manifest.json"
            f" {str(baseline.data)[:10]} (now {str(new.data)[:10]}); train on the same"
        )
    before, now = flat(baseline.configuration), flat(new.configuration)
    for key in allow:
        if not any(_below(known, key) for known in (*before, *now)):
            raise UserError(f"--allow {key}: no such key in the configuration; see experiment.json")
    by_key = {
        key: differences(_only(before, key), _only(now, key))
        for key in dict.fromkeys([*before, *now])
    }
    changed = {key: difference[0] for key, difference in by_key.items() if difference}
    refused = [
        difference for key, difference in changed.items() if not any(_below(key, k) for k in allow)
    ]
    if refused:
        more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        raise UserError(
            f"{new.name}: of another configuration than {baseline.name}: {refused[0]}{more};"
            " --allow KEY compares before and after"
        )
    return tuple(changed.values())


def _only(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {key: values[key]} if key in values else {}


def _below(key: str, allowed: str) -> bool:
    return key == allowed or key.startswith(f"{allowed}.")


def check_yardsticks(new: Measurement, baseline: Measurement) -> None:
    for key in new.yardsticks.keys() & baseline.yardsticks.keys():
        now, before = new.yardsticks[key], baseline.yardsticks[key]
        if not math.isclose(now, before, rel_tol=SAME_FLOOR, abs_tol=1e-9):
            metric, direction = key
            raise UserError(
                f"{new.name}: real images score {now:g} in {metric} {direction}, in {baseline.name}"
                f" {before:g}: scored in another way; run `cyclebench report` on both"
            )
