"""Which sources decide a run's numbers, and which version of the program this is."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from harness.system import provenance

# A smoke run, from the images to the last file, in one process: what it imports can change numbers.
SMOKE_RUN = """
import json, sys
from pathlib import Path
from rich.console import Console
from harness.config.load import load_experiment
from harness.system.progress import Display
from harness.training import worker
from harness.training.clocks import Clocks
from harness.training.experiment_folder import decoded_images, prepare_data
from harness.training.job import Job
from harness.training.run import TrainingRun

folder = Path(sys.argv[1])
settings = ["training.steps_per_epoch=2", "training.epochs_constant=1", "training.epochs_decay=0"]
experiment = load_experiment(None, "smoke", settings)
display = Display(Console(quiet=True), quiet=True)
images = decoded_images(prepare_data(experiment, None, display), experiment, display)
splits = ("trainA", "trainB", "testA", "testB")
files = {split: str(Path(images[split].filename).resolve()) for split in splits}
job = Job("torch", 0, str(folder), "cpu", "a CPU", 1, experiment.model_dump(), files)
run = TrainingRun(job, Clocks())
run.train(run.plan.steps)
run.finish()
ours = [each for name, each in sys.modules.items() if name.split(".")[0] in ("backends", "harness")]
print(json.dumps(sorted(each.__file__ for each in ours)))
"""


def test_every_source_that_a_run_imports_is_in_its_digest(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SMOKE_RUN, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    imported = {Path(file) for file in json.loads(done.stdout.splitlines()[-1])}
    root = provenance.ROOT
    assert {root / "backends/torch_impl/training.py", root / "harness/data/resize.py"} <= imported
    missing = imported - set(provenance.deciding_sources())
    assert not missing, "change provenance.DECIDING, or what these import"


def test_the_version_is_the_installed_one_or_that_of_the_sources(monkeypatch):
    installed = provenance.own_version()
    assert installed == metadata.version("cyclebench")

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert provenance.own_version() == installed
