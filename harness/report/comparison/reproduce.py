"""The command that makes these runs again, from the records alone."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from harness.config.differences import flat
from harness.config.experiment import load_experiment
from harness.records.experiment import ExperimentFolder
from harness.report.formatting import listed
from harness.system.errors import UserError

# Of the record's configuration: not set by a user.
ADDED = ("backends", "titles", "seeds")


@dataclass(frozen=True)
class Reproduction:
    """`command` for a shell; what has to be so before it, and what to do after."""

    command: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def reproduction(experiment: ExperimentFolder) -> Reproduction:
    """Settings are those that the preset, as it is now, does not have."""
    words = ["make", "compare", f"DATASET={experiment.dataset}", f"PRESET={experiment.preset}"]
    if experiment.seeds:
        words.append(f"SEEDS={','.join(map(str, experiment.seeds))}")
    kinds = {run.environment.get("device_kind") for run in experiment.runs} - {None}
    if len(kinds) == 1:
        words.append(f"DEVICE={kinds.pop()}")
    settings = [f"{key}={_yaml(value)}" for key, value in _changed(experiment).items()]
    if settings:
        words.append(f"SET={' '.join(settings)}")
    name = f"{experiment.dataset}-{experiment.preset}-{experiment.hash}"
    folder = shlex.quote(f"results/{name}")
    return Reproduction(
        shlex.join(words),
        tuple(_before(experiment)),
        (
            f"make verify RUN={folder} then says whether a run is what it claims: its hashes, and"
            " its first steps trained again, to the last bit on a CPU with the same versions and"
            " threads.",
            "Beside this page: figures/ (PNG, SVG, PDF), tables/ (CSV in full, LaTeX),"
            " tensorboard/, and summary.json and metrics.json for programs.",
        ),
    )


def _before(experiment: ExperimentFolder) -> list[str]:
    known = (run.environment.get("git_revision") for run in experiment.runs)
    revisions = sorted({revision for revision in known if revision})
    lines = []
    if revisions:
        changed = any(each.endswith("+") for each in revisions)
        edited = "; + means with changes that were not committed" if changed else ""
        lines.append(f"Made at revision {listed(revisions)} of the code{edited}.")
    lines.append(
        "A photograph data set is looked for in DATA_DIR, then downloaded; the data must have the"
        " checksums in manifest.json."
        if experiment.dataset not in ("seasons", "digits")
        else "The data set is drawn by the program: nothing has to be downloaded."
    )
    return lines


def _changed(experiment: ExperimentFolder) -> dict[str, Any]:
    """Dotted keys that are not as the preset has them; all of them where there is none such."""
    try:
        preset = load_experiment(None, experiment.preset, []).model_dump(mode="json")
    except UserError:
        preset = {}
    own = {key: value for key, value in experiment.configuration.items() if key not in ADDED}
    before = flat(preset)
    return {key: value for key, value in flat(own).items() if before.get(key) != value}


def _yaml(value: Any) -> str:
    """On one line, as `--set` reads it: JSON is YAML."""
    return value if isinstance(value, str) else json.dumps(value)
