"""`--seeds auto` from the command line: interrupted after a look, it goes on with the next seed."""

import json

from command_line import experiment_folder, given, interrupted_at, run, undrawn

from harness.records.run import find_runs

AUTO = ("--seeds", "auto", "--max-seeds", "4")
# So narrow a margin that no verdict ends it before its maximum.
SETTINGS = ("evaluation.margins.kid_efflite0=1.0001", "training.steps_per_epoch=4",
            "evaluation.evaluate_every=0")  # fmt: skip


def test_seeds_are_added_one_by_one_up_to_the_maximum_across_an_interruption(tmp_path, monkeypatch):
    arguments = (*AUTO, *given(SETTINGS))
    # The ladder is climbed by other tests; it takes as long as all of these trainings.
    monkeypatch.setattr("harness.studies.comparison.check_function", lambda *_: None)
    with interrupted_at("After 3 seeds: cannot tell yet"):
        done = run(tmp_path, *arguments)
    assert done.returncode == 130 and "goes on from here" in done.stderr, done.stderr
    folder = experiment_folder(tmp_path)
    complete = {(r.backend, r.seed) for r in find_runs(folder) if r.complete}
    assert complete >= {(name, seed) for name in ("torch", "tf") for seed in range(3)}
    with undrawn():
        done = run(tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    assert "After 4 seeds: cannot tell yet" in done.stderr
    assert {run.seed for run in find_runs(folder)} == {0, 1, 2, 3}
    record = json.loads((folder / "seeds.json").read_text())
    assert (record["design"], record["maximum"]) == ("auto", 4)
    assert [look["seeds"] for look in record["looks"]] == [[0, 1, 2], [0, 1, 2, 3]]
    assert (
        "Seeds were added until the primary score was decided" in (folder / "report.md").read_text()
    )
