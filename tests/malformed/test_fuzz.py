"""Random bytes, and good files with a few bytes changed: refused as they should be, or read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from cases_digits import idx, npz
from cases_images import encoded
from datasets_helpers import picture, zipped_set
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.config.load import load_experiment
from harness.data.archive import unpack
from harness.data.decode import UnreadableImage, bombs_refused, decode
from harness.data.formats import read_idx, read_npz
from harness.data.image_arrays import open_images
from harness.data.labels import read_lines
from harness.records.experiment import load
from harness.records.run import RunRecord
from harness.studies.grid.file import parse_study
from harness.studies.grid.record import read_record as read_study
from harness.studies.scaling.record import read_record as read_scaling
from harness.studies.timing.record_files import read_record as read_bench
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json, read_table, write_arrays

# The same examples every time, on any machine.
few = settings(
    derandomize=True, max_examples=60, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
ARRAYS = {"ab": np.zeros((2, 4, 4, 3), np.uint8), "step": np.array(7), "x": np.ones(5)}


@st.composite
def spoilt(draw: st.DrawFn, content: bytes) -> bytes:
    """Most often `content` with a few bytes changed, cut out or put in; sometimes anything."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    found = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        # Heads are where the numbers are that can do harm.
        place = draw(st.integers(0, min(len(found), 200) if draw(st.booleans()) else len(found)))
        length = draw(st.sampled_from((0, 1, 1, 4, 50)))
        found[place : place + length] = draw(
            st.one_of(st.binary(max_size=8), st.just(b"\xff" * length), st.just(bytes(length)))
        )
    return bytes(found)


def written(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def arrays(tmp_path: Path) -> bytes:
    write_arrays(tmp_path / "good.safetensors", ARRAYS)
    return (tmp_path / "good.safetensors").read_bytes()


FILES: dict[str, tuple[Callable[[Path], bytes], Callable[[Path], object]]] = {
    "npz": (lambda _: npz(), read_npz),
    "idx": (
        lambda _: idx(0x803, 2, 8, 8, content=bytes(128)),
        lambda path: read_idx(path, path),
    ),
    "zip": (lambda _: zipped_set(), lambda path: unpack(path, path.parent / "set")),
    "csv": (lambda _: b"split,name,label\ntrainA,0.png,1\ntrainB,1.png,2\n", read_lines),
    "npy": (lambda _: npy(), open_images),
    "safetensors": (arrays, read_arrays),
    "table": (lambda _: b"# schema_version: 1\nstep,cycle_a\n0,0.5\n1,0.25\n", read_table),
    "json": (lambda _: b'{"schema_version": 1, "a": [1, 2.5, "x", null]}', read_json),
}


def npy() -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, ARRAYS["ab"], (1, 0))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", FILES)
@few
@given(data=st.data())
def test_a_file_is_read_or_refused(kind: str, tmp_path: Path, data: st.DataObject) -> None:
    make, read = FILES[kind]
    path = written(tmp_path, f"file.{kind}", data.draw(spoilt(make(tmp_path))))
    with suppress(UserError):
        read(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "TIFF", "PPM"])
@few
@given(data=st.data())
def test_an_image_is_decoded_or_unreadable(kind: str, data: st.DataObject) -> None:
    with bombs_refused(), suppress(UnreadableImage):
        image = decode(data.draw(spoilt(encoded(picture(7, 16), kind))))
        assert image.mode == "RGB"


YAML = b"description: x\npreset: smoke\ngrid: {model.blocks: [1, 2], a: {b: {model.filters: 3}}}\n"


@few
@given(spoilt(YAML))
def test_a_study_is_read_or_refused(content: bytes) -> None:
    with suppress(UserError):
        parse_study(content.decode(errors="replace"), "a.yaml")


KEYS = ("model.blocks", "model.norm", "data.crop_size", "optimiser.beta1", "evaluation.margins.fid",
        "training.steps", "runtime.precision", "objective.lambda_a",
        "model.discriminator_norm")  # fmt: skip
VALUES = st.one_of(
    st.text(st.sampled_from("0123456789.-+e_:xabn[]{}*&!,'\"~ \t<"), max_size=12),
    st.sampled_from(
        [".nan", "-.inf", "1e999", "0x" + "f" * 5000, "!!int x", "!!set {a}", "? x", "~"]
    ),
    st.integers().map(str), st.floats().map(str), st.text(max_size=5),
)  # fmt: skip


@few
@given(key=st.sampled_from(KEYS), value=VALUES)
def test_a_setting_is_taken_or_refused(key: str, value: str) -> None:
    with suppress(UserError):
        load_experiment("seasons", "smoke", [f"{key}={value}"])


# ----------------------------------------------------------------- values in records that open


def places(value: object, path: tuple = ()) -> list[tuple]:
    """The paths of all values in a JSON document, but for its version."""
    found = [path] if path and path[0] != "schema_version" else []
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, each in inner:
        found += places(each, (*path, key))
    return found


# As JSON: what is put into a record must not be in it twice.
JUNK = st.sampled_from([
    "null", "true", "0", "-1", "3", "1.5", "1e308", "-1e308", "9" * 30, '""', '"x"', '"../../x"',
    "[]", "[1]", '["x"]', "[[]]", "{}", '{"x": 1}', "[null]",
])  # fmt: skip


def with_junk(path: Path, data: st.DataObject) -> None:
    document = json.loads(path.read_text())
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(places(document)))
        inner = document
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = json.loads(data.draw(JUNK))
    path.write_text(json.dumps(document))


def bench_page(folder: Path) -> None:
    """All but the figures."""
    from harness.report.render import page_markdown
    from harness.studies.timing.findings import find
    from harness.studies.timing.page import make_page
    from harness.studies.timing.tables import csv_table

    entries = find({"one.json": read_bench(folder / "one.json")})
    csv_table(entries)
    page_markdown(make_page(entries))


def scaling_page(folder: Path) -> None:
    from harness.report.render import page_markdown
    from harness.studies.scaling.findings import find
    from harness.studies.scaling.page import csv_table, make_page

    findings = find(read_scaling(folder / "one.json"))
    csv_table([findings])
    page_markdown(make_page([findings]))


def report_page(folder: Path) -> None:
    from harness.report.comparison.findings import find
    from harness.report.comparison.page import make_page
    from harness.report.render import page_markdown

    experiment = load(folder)
    page_markdown(make_page(experiment, find(experiment)))


def study_page(folder: Path) -> None:
    from harness.report.render import page_markdown
    from harness.studies.grid.findings import find
    from harness.studies.grid.page import make_page
    from harness.studies.grid.tables import csv_table

    findings = find(read_study(folder))
    csv_table(findings)
    page_markdown(make_page(findings))


RUN = "runs/cpu-example/torch-seed0"
RECORDS = {
    "bench": ("bench", "one.json", bench_page),
    "scaling": ("scaling", "one.json", scaling_page),
    "study": ("study", "studies/*/study.json", study_page),
    "experiment": ("experiment", "experiment.json", report_page),
    "audit": ("experiment", "audit.json", report_page),
    "metrics": ("experiment", "metrics.json", report_page),
    "status": ("experiment", f"{RUN}/status.json", report_page),
    "environment": ("experiment", f"{RUN}/environment.json", report_page),
    "resources": ("experiment", f"{RUN}/resources.json", report_page),
}


@pytest.mark.parametrize("name", RECORDS)
@settings(few, max_examples=25)
@given(data=st.data())
def test_a_record_of_junk_is_shown_or_refused(name: str, place, data: st.DataObject) -> None:
    import shutil

    template, pattern, show = RECORDS[name]
    folder = place.results / "junk"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(getattr(place.templates, template), folder)
    (path,) = folder.glob(pattern)
    with_junk(path, data)
    with suppress(UserError):
        show(path.parent if template in ("study", "bench", "scaling") else folder)


@few
@given(
    spoilt(b"# schema_version: 1\nstart_step,steps,warmup,train_seconds\n0,5,1,0.5\n5,5,0,0.25\n")
)
def test_a_table_of_blocks_is_numbers_or_refused(place, content: bytes) -> None:
    (place.folder / "blocks.csv").write_bytes(content)
    with suppress(UserError):
        table = RunRecord(place.folder).blocks
        assert all(table[column].dtype.kind in "iuf" for column in table) or table.empty
