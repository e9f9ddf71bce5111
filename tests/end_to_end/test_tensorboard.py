"""`make tensorboard`: the server, on this machine only, finds what a report wrote for it."""

import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from report_experiment import STEPS, build

from harness.records.experiment import load
from harness.report.comparison.tensorboard import event_files
from harness.system.files import write_bytes

PATIENCE = 90  # seconds; it loads TensorFlow where that is installed
SERVER = Path(sys.executable).with_name("tensorboard")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not SERVER.exists():
        pytest.skip(f"no {SERVER.name} beside {sys.executable}")
    folder = build(tmp_path_factory.mktemp("results"))
    for name, content in event_files(load(folder)).items():
        write_bytes(folder / name, content)
    log = folder / "log"
    command = [SERVER, "--logdir", folder, "--host", "127.0.0.1", "--port", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield wait_for(lambda: re.search(r"http://127\.0\.0\.1:[0-9]+", log.read_text()))[0]
    finally:
        process.terminate()
        process.wait()


def wait_for(what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.2)
    pytest.fail(f"not within {PATIENCE} s")


def ask(server, path, **question):
    data = json.dumps(question).encode() if question else None
    request = urllib.request.Request(
        f"{server}/data/plugin/{path}", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def test_both_runs_show_curves_images_histograms_and_their_hyper_parameters(server):
    runs = {f"tensorboard/cpu-example/{backend}-seed0" for backend in ("torch", "tf")}
    scalars = wait_for(lambda: len(found := ask(server, "scalars/tags")) == 2 and found)
    assert set(scalars) == runs
    for run in runs:
        assert {"cycle_a/mean", "cycle_a/weighted", "kid_efflite0/ab"} <= set(scalars[run])
        assert set(ask(server, "images/tags")[run]) == {"images/ab", "images/ba"}
        assert "discriminators/fake_a" in ask(server, "histograms/tags")[run]
    columns = [{"metric": {"group": "", "tag": "kid_efflite0/ab"}, "order": "ORDER_ASC"}]
    asked = {"startIndex": 0, "sliceSize": 10, "colParams": columns,
             "allowedStatuses": ["STATUS_SUCCESS"]}  # fmt: skip
    rows = ask(server, "hparams/session_groups", **asked)["sessionGroups"]
    assert {row["hparams"]["backend"] for row in rows} == {"torch", "tf"}
    for row in rows:
        assert row["hparams"]["objective.lambda_a"] == 10
        first = row["metricValues"][0]
        assert (first["name"]["tag"], first["trainingStep"]) == ("kid_efflite0/ab", STEPS)
