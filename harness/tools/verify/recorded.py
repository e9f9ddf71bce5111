"""The contents of an experiment folder: its runs, configuration and images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.config.experiment import Experiment, digest_of, one_line
from harness.data import Manifest
from harness.plan.plan import Plan, make_plan
from harness.records.run import RunRecord, find_runs
from harness.system.errors import UserError
from harness.system.files import SCHEMA_VERSION, read_json
from harness.system.provenance import in_one_line
from harness.tools.verify.verify_result import CheckResult, differs, ok

# In experiment.json, but not among the settings of an experiment: see
# harness.training.experiment_folder.
FOR_REPORTS = ("backends", "titles")


@dataclass(frozen=True)
class RecordedExperiment:
    """`settings` as they were written down, `experiment` as they are understood now.

    `packages` as `provenance.deciding_packages` gave them; None in an older folder, where
    `source_digest` is of the packages, too.
    """

    folder: Path
    settings: dict[str, Any]
    experiment: Experiment
    packages: dict[str, dict[str, str]] | None
    manifest: Manifest
    runs: tuple[RunRecord, ...]

    def images(self, split: str) -> int:
        return len(self.manifest.splits[split])

    def plan(self, seed: int) -> Plan:
        return make_plan(self.experiment, seed, self.images("trainA"), self.images("trainB"))


def read_recorded(path: Path) -> RecordedExperiment:
    """Of an experiment folder, or of one run's folder inside one. Raises UserError."""
    folder, runs = _find(path)
    document = read_json(folder / "experiment.json")
    try:
        names = {name: document[name] for name in ("dataset", "preset")}
        configuration = document["configuration"]
        settings = {k: v for k, v in configuration.items() if k not in FOR_REPORTS} | names
        experiment = Experiment.model_validate(settings)
    except (KeyError, AttributeError) as error:
        raise UserError(
            f"{folder}/experiment.json: not as `make compare` writes it ({error!r}); copy it from"
            " where the runs were made"
        ) from None
    except ValidationError as error:
        raise UserError(
            f"{folder}/experiment.json: {one_line(error, Experiment)}; verify with the version of"
            " cyclebench that wrote it"
        ) from None
    manifest = Manifest.from_json(read_json(folder / "manifest.json"))
    if not any(run.complete for run in runs):
        raise UserError(f"{path}: no complete run there to verify; `make compare` completes them")
    return RecordedExperiment(
        folder, settings, experiment, document.get("packages"), manifest, runs
    )


def check_configuration(recorded: RecordedExperiment) -> CheckResult:
    """The folder's name is made of the configuration, the images, the code and the packages."""
    name = recorded.folder.resolve().name.rpartition("-")[2]
    context = {str(run.environment.get("source_digest")) for run in recorded.runs if run.complete}
    packages = [] if recorded.packages is None else [in_one_line(recorded.packages)]
    digests = {
        digest_of(
            recorded.settings, recorded.manifest.digest, source, *packages, str(SCHEMA_VERSION)
        )
        for source in context
    }
    if digests == {name}:
        return ok(
            f"configuration, images, code and packages make the hash {name} of the folder's name"
        )
    return differs(
        f"configuration, images, code and packages make {', '.join(sorted(digests))}, the folder's"
        f" name says {name}: experiment.json, manifest.json or environment.json was changed"
    )


def _find(path: Path) -> tuple[Path, tuple[RunRecord, ...]]:
    if (path / "experiment.json").is_file():
        return path, tuple(find_runs(path))
    run = path.resolve()
    folder = run.parent.parent.parent
    if (run / "status.json").is_file() and (folder / "experiment.json").is_file():
        return folder, (RunRecord(run),)
    raise UserError(
        f"{path}: no experiment there; name results/<experiment>, or a run as"
        " results/<experiment>/runs/<device>/<backend>-seed<n>"
    )
