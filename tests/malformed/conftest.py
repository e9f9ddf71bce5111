"""Good records to spoil, made once; and a place for each case."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Helpers of other tests: records of which all is known, and a web server.
sys.path.insert(0, str(Path(__file__).parent.parent / "unit"))

from case import Place, Templates


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Also imports, once, what commands import: that is not the time of a refusal."""
    import bench_records
    import grid_study
    import report_experiment
    import scaling_record
    import trained_run

    from harness.cli import main
    from harness.studies.scaling.record import write_record as write_scaling
    from harness.studies.timing.record_files import write_record

    made = Templates(tmp_path_factory.mktemp("templates"))
    report_experiment.build(made.experiment)
    grid_study.build_grid(made.study, grid_study.ONE_AXIS, seeds=(0,), begun=1)
    write_record(bench_records.several(1.2), made.bench / "one.json")
    trained_run.write_model_folder(trained_run.write_run(made.trained), made.trained / "model")
    write_scaling(made.scaling / "one.json", scaling_record.record())
    main(["models", "--preset", "smoke"])
    return made


@pytest.fixture
def place(tmp_path: Path, templates: Templates, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    here = Place(tmp_path, templates, monkeypatch)
    for folder in (here.data, here.results, here.cache, tmp_path / "work"):
        folder.mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("CYCLEBENCH_CACHE", str(here.cache))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    # Nobody listens at the port 9, on any machine that one would test on.
    monkeypatch.setenv("CYCLEBENCH_MIRROR", "http://127.0.0.1:9")
    with here.stack:
        yield here
