"""The command that makes these runs again, from the records alone."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

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
    # Dotted keys that are not as the preset has them; all of them where there is none such.
    try:
        preset = flat(load_experiment(None, experiment.preset, []).model_dump(mode="json"))
    except UserError:
        preset = {}
    own = {key: value for key, value in experiment.configuration.items() if key not in ADDED}
    settings = [
        # On one line, as `--set` reads it: JSON is YAML.
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in flat(own).items()
        if preset.get(key) != value
    ]
    if settings:
        words.append(f"SET={' '.join(settings)}")
    before = []
    known = (run.environment.get("git_revision") for run in experiment.runs)
    if revisions := sorted({revision for revision in known if revision}):
        changed = any(revision.endswith("+") for revision in revisions)
        edited = "; + means with changes that were not committed" if changed else ""
        before.append(f"Made at revision {listed(revisions)} of the code{edited}.")
    before.append(
        "A photograph data set is looked for in DATA_DIR, then downloaded; the data must have the"
        " checksums in manifest.json."
        if experiment.dataset not in ("seasons", "digits")
        else "The data set is drawn by the program: nothing has to be downloaded."
    )
    name = f"{experiment.dataset}-{experiment.preset}-{experiment.hash}"
    return Reproduction(
        shlex.join(words),
        tuple(before),
        (
            f"make verify RUN={shlex.quote(f'results/{name}')} then checks the hashes of every run"
            " and trains its first steps again: on a CPU with the same versions and threads they"
            " are equal to the last bit.",
            "Beside this page: figures/ (PNG, SVG, PDF), tables/ (CSV in full, LaTeX),"
            " tensorboard/, and summary.json and metrics.json for programs.",
        ),
    )
