"""Checkpoints that are damaged, or of another run: refused in one line, and left as they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import spoil
from datasets_helpers import write_set
from refusal import snapshot

from harness.config.load import load_experiment
from harness.data import load_images, prepare
from harness.system.errors import UserError
from harness.training.checkpoints import Checkpoints
from harness.training.clocks import Clocks
from harness.training.job import Job
from harness.training.run import TrainingRun

SETTINGS = ("objective.pool_size=2",)
KERNEL = "g_ab/stem/kernel"


class Trained:
    """The folder of a run that was interrupted after three steps, and what it takes to go on."""

    def __init__(self, folder: Path) -> None:
        prepared = prepare(str(write_set(folder / "set")))
        sizes = {"trainA": 36, "trainB": 36, "testA": 32, "testB": 32}
        self.images = {
            split: str(load_images(prepared.manifest, split, size).filename)  # type: ignore[union-attr]
            for split, size in sizes.items()
        }
        self.folder = folder / "run"
        run = self.begin(self.folder)
        for step in (2, 3):
            run.train(step)
            run.checkpoint("interrupted")
        self.other = folder / "other"
        run = self.begin(self.other, "model.filters=6")
        run.train(3)
        run.checkpoint("interrupted")

    def begin(self, folder: Path, *settings: str) -> TrainingRun:
        experiment = load_experiment("set", "smoke", [*SETTINGS, *settings]).model_dump()
        job = Job("torch", 0, str(folder), "cpu", "a machine", 1, experiment, self.images)
        return TrainingRun(job, Clocks())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("trained"))


def array(name: str, change: Callable[[np.ndarray], np.ndarray | None]) -> spoil.Spoil:
    def change_file(path: Path) -> None:
        from safetensors.numpy import load_file

        spoil.arrays(**{name: change(load_file(path)[name])})(path)

    return change_file


def without(name: str) -> spoil.Spoil:
    return spoil.arrays(**{name: None})


DAMAGE: dict[str, tuple[spoil.Spoil, str]] = {
    "no bytes": (spoil.text(""), "not an array file of cyclebench"),
    "cut off": (spoil.cut(100), "not an array file of cyclebench"),
    "something else": (spoil.text("<html>"), "not an array file of cyclebench"),
    "a head of exabytes": (spoil.head({}, 10**18), "not an array file of cyclebench"),
    "a folder": (spoil.folder, "not a file"),
    "of no version": (spoil.head({}), "schema_version -1"),
    "no step": (without("step"), "not a checkpoint of a run"),
    "several steps": (spoil.arrays(step=np.arange(3)), "not a checkpoint of a run"),
    "a step of infinity": (spoil.arrays(step=np.array(np.inf)), "not a checkpoint of a run"),
    "no losses": (without("record/losses"), "not a checkpoint of a run"),
    "losses of fewer steps": (array("record/losses", lambda a: a[:-1]), "losses (2,"),
    "losses of other terms": (array("record/losses", lambda a: a[:, :-1]), "losses (3,"),
    "no clocks": (without("record/clocks"), "not a checkpoint of a run"),
    "other clocks": (array("record/clocks", lambda a: a[:-1]), "not of this run"),
    "clocks that are no number": (array("record/clocks", lambda a: a * np.nan), "not of this run"),
    "other blocks": (array("record/blocks", lambda a: a[:, :-1]), "not of this run"),
    "blocks in a row": (array("record/blocks", lambda a: a[0]), "not of this run"),
    "a tensor missing": (without(KERNEL), f"{KERNEL} is missing"),
    "a moment missing": (without(f"adam_m/{KERNEL}"), f"adam_m/{KERNEL} is missing"),
    "a tensor too many": (spoil.arrays(extra=np.ones(3)), "extra is unknown to this model"),
    "a tensor of another shape": (array(KERNEL, lambda a: a[:-1]), f"{KERNEL} has shape"),
    "a tensor turned": (array(KERNEL, lambda a: a.transpose(0, 1, 3, 2).copy()), "has shape"),
    "a pool of another size": (array("pool_a", lambda a: a[:1]), "pool_a has shape"),
    "weights in whole numbers": (array(KERNEL, lambda a: a.astype(np.int64)), f"{KERNEL} is int64"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_run_with_nothing_but_such_checkpoints_is_refused(
    name: str, trained: Trained, tmp_path: Path
) -> None:
    change, says = DAMAGE[name]
    folder = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    Checkpoints(folder).files[1].unlink()
    change(Checkpoints(folder).files[0])
    refused(trained, folder, says)


def refused(trained: Trained, folder: Path, says: str) -> None:
    before = snapshot(folder)
    with pytest.raises(UserError) as refusal:
        trained.begin(folder)
    said = str(refusal.value)
    assert says in said and str(folder) in said and "remove" in said and "\n" not in said, said
    assert snapshot(folder) == before


def test_a_checkpoint_of_another_architecture_is_refused(trained: Trained, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    for file in Checkpoints(folder).files:
        file.unlink()
    shutil.copy(Checkpoints(trained.other).files[0], folder)
    refused(trained, folder, "has shape")


def test_a_checkpoint_beyond_the_end_is_refused(trained: Trained, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    before = snapshot(folder)
    with pytest.raises(UserError, match="step 3 of 2"):
        trained.begin(folder, "training.steps=2")
    assert snapshot(folder) == before


def test_where_only_the_newest_is_damaged_the_one_before_is_taken(
    trained: Trained, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    spoil.cut(100)(Checkpoints(folder).files[0])
    assert trained.begin(folder).step == 2


def test_both_damaged_is_refused(trained: Trained, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    for file in Checkpoints(folder).files:
        spoil.cut(100)(file)
    refused(trained, folder, "not an array file of cyclebench")
