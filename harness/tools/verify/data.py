"""The images of an experiment: are they here, and byte for byte what they were?"""

from __future__ import annotations

from pathlib import Path

from harness.config.experiment import Experiment
from harness.data import Manifest, Prepared, find_entry, find_local
from harness.data.catalogue import BuiltIn, Pair
from harness.data.find_local import find_class_pair
from harness.data.pairs import find_single
from harness.system.checksums import sha256
from harness.system.errors import UserError
from harness.system.progress import Display
from harness.tools.verify.verify_result import CheckResult, differs, named, ok
from harness.training.experiment_folder import prepare_data


def find_data(
    experiment: Experiment, dataset: str | None, data_dir: Path | None, display: Display
) -> Prepared:
    """Drawn or found, never downloaded. `dataset`: where they lie now, if not under their name.

    Raises UserError where they are not here.
    """
    name = dataset or experiment.dataset
    if dataset is None and experiment.data.hold_out == "validation":
        name = name.removesuffix("-validation")
    if not _is_here(name, data_dir):
        raise UserError(
            f"{name}: its images are not here; give --data-dir (DATA_DIR), the folder that holds"
            f" {name}, or --dataset (DATASET), the name or folder they go by now"
        )
    return prepare_data(experiment.model_copy(update={"dataset": name}), data_dir, display)


def _is_here(dataset: str, data_dir: Path | None) -> bool:
    entry = find_entry(dataset)
    source = entry.source if entry else None
    if isinstance(source, BuiltIn):
        return True
    if find_local(dataset, data_dir) or find_class_pair(dataset, data_dir):
        return True
    if not isinstance(source, Pair):
        return False
    return all(find_single(name, data_dir) for name in (source.a, source.b))


def check_data(recorded: Manifest, prepared: Prepared, display: Display) -> CheckResult:
    """Every file is read again: what the cache remembers of it does not count."""
    folder, total = prepared.located.folder, sum(map(len, recorded.splits.values()))
    listed = {f"{split}/{f.name}": f.sha256 for split, fs in recorded.splits.items() for f in fs}
    missing, changed = [], []
    for done, (name, digest) in enumerate(listed.items(), 1):
        if not (folder / name).is_file():
            missing.append(name)
        elif sha256(folder / name) != digest:
            changed.append(name)
        display.stage("hash images", done, total)
    now = (f"{split}/{f.name}" for split, fs in prepared.manifest.splits.items() for f in fs)
    added = [name for name in now if name not in listed]
    kinds = (("missing", missing), ("changed", changed), ("not there then", added))
    problems = [f"{kind}: {named(names)}" for kind, names in kinds if names]
    if problems:
        return differs(f"{folder}: {'; '.join(problems)}")
    return ok(f"{total} images in {folder}")
