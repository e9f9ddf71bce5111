"""Published numbers: what a point must have, and where reports show it with which words."""

from dataclasses import replace
from pathlib import Path

import pytest
from report_experiment import build, editing, pages

from harness.config.load import load_experiment
from harness.records.experiment import load
from harness.report.comparison import published
from harness.report.comparison.findings import find
from harness.report.comparison.published import differing, network_name, published_section
from harness.report.reference_points import FILE, ReferencePoint, parse_points, reference_points

ROOT = Path(__file__).parents[2]
POINT = """
- name: a-point
  what: somebody's CycleGAN
  source: {where: https://example.org, section: Table 1, says: FID 64.5}
  dataset: horse2zebra
  metric: fid
  direction: ab
  value: 64.5
  protocol: {images: 140, reals: both, size: 256, batch: 1, epochs: 200}
"""
OWN = {"images": 120, "reals": "test", "inception": "pt_inception-2015-12-05", "size": 256,
       "batch": 1, "steps": 2800, "epochs": 200, "network": "resnet-9x64"}  # fmt: skip


def test_every_point_of_the_file_is_whole_and_most_were_read_in_their_source():
    points = reference_points()
    assert len({point.name for point in points}) == len(points) >= 12
    assert sum(point.checked for point in points) >= 8
    metrics = {point.metric for point in points}
    assert metrics == {"fid", "step_ms", "generator_parameters"}
    assert {point.dataset for point in points if point.metric == "fid"} == {
        "horse2zebra",
        "summer2winter_yosemite",
    }


def test_the_file_is_installed_and_is_the_one_in_the_documentation():
    assert f'"report/{FILE}"' in (ROOT / "pyproject.toml").read_text().split("package-data]")[1]
    assert (ROOT / "docs" / "reference-points.yaml").resolve() == ROOT / "harness/report" / FILE


def test_the_published_count_of_parameters_is_that_of_the_networks_here():
    [point] = [point for point in reference_points() if point.metric == "generator_parameters"]
    experiment = load_experiment("horse2zebra", "paper", [])
    shapes = experiment.networks().parameter_shapes()
    count = sum(_size(shape) for name, shape in shapes.items() if name.startswith("g_ab/"))
    assert count == point.value
    assert network_name(experiment.model_dump()) == point.protocol.network


def _size(shape):
    size = 1
    for side in shape:
        size *= side
    return size


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("what: somebody's CycleGAN", "whatever: x", "a-point: .*what"),
        ("value: 64.5", "value: -1", "a-point: value"),
        ("value: 64.5", "value: '64.5'", "a-point: value"),
        ("value: 64.5", "value: 0", "a-point: value"),
        ("metric: fid", "metric: step_ms", "a-point: .*direction: FID has one, nothing else"),
        ("value: 64.5", "value: 64.5\n  why: no reason", "a-point: .*why"),
        ("direction: ab", "direction: horse", "a-point: direction"),
        ("  direction: ab\n", "", "a-point: .*direction: FID has one"),
        ("  dataset: horse2zebra\n", "", "a-point: .*dataset: FID is of one"),
        ("reals: both", "reals: all", "a-point: protocol.reals"),
        ("section: Table 1, ", "", "a-point: source.section"),
        ("name: a-point", "name: A point", "A point: name"),
        ("value: 64.5", "value: 64.5\n  checked: false", "a-point: .*why"),
        ("value: 64.5", "value: 64.5\n  value: 65", "'value'|value"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_by_point_and_key(before, after, says):
    assert before in POINT
    with pytest.raises(ValueError, match=says):
        parse_points(POINT.replace(before, after))


def test_a_name_is_there_once():
    with pytest.raises(ValueError, match="a-point: name: is there twice"):
        parse_points(POINT + POINT)


def test_differences_of_protocols_are_said_in_words():
    [point] = parse_points(POINT)
    text = differing(point, OWN)
    assert "images 140 (here 120)" in text and "real images both (here test)" in text
    assert "epochs" not in text and "pixels" not in text, "the same"
    assert text.endswith("Not stated: Inception weights and generator.")
    other = differing(point, OWN | {"epochs": 20, "size": 64})
    assert "epochs 200 (here 20)" in other and "pixels 256 (here 64)" in other
    both = point.protocol.model_copy(update={"steps": 5})
    text = differing(point.model_copy(update={"protocol": both}), OWN)
    assert "steps 5 (here 2,800)" in text and "epochs" not in text
    same = differing(point, OWN | {"images": 140, "reals": "both"})
    assert same.startswith("The same as far as it is stated. Not stated")
    unchecked = point.model_copy(update={"checked": False, "why": "no access", "device": "a V100"})
    assert differing(unchecked, OWN).endswith("Measured on a V100. Not checked: no access.")


# -------------------------------------------------------------------------------- on the page


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """A comparison of horse2zebra with FID, and three points."""
    folder = build(tmp_path / "one", dataset="horse2zebra")
    with editing(folder / "metrics.json") as metrics:
        for rows in (metrics["scores"], metrics["differences"], metrics["references"]):
            rows += [{**row, "metric": "fid"} for row in rows if row["metric"] == "fd_efflite0"]
    with editing(folder / "experiment.json") as record:
        record["configuration"]["evaluation"]["margins"]["fid"] = 1.25
    [point] = parse_points(POINT)
    others = [
        point.model_copy(update={"name": "back", "direction": "ba", "what": "the way back"}),
        point.model_copy(update={"name": "other", "dataset": "maps", "what": "of another set"}),
    ]
    monkeypatch.setattr(published, "reference_points", lambda: (point, *others))
    return folder


def section_of(folder):
    experiment = load(folder)
    found = find(experiment)
    return published_section(experiment, found.metrics, found.timing)


def test_a_report_shows_points_of_its_data_set_and_direction_beside_its_own(photographs):
    section = section_of(photographs)
    [note, table] = section.content
    assert "protocol" in note.text
    assert [row[0].detail for row in table.rows] == ["somebody's CycleGAN", "the way back"]
    assert [row[0].text.partition(",")[0][:4] for row in table.rows] == ["FID@", "FID@"]
    assert {row[1].text for row in table.rows} == {"64.5"}
    here = [f"{row[2].text}\n{row[2].detail}" for row in table.rows]
    assert all("PyTorch" in text and "TensorFlow" in text for text in here)
    assert table.rows[0][0].text != table.rows[1][0].text
    assert all("images 140 (here" in row[3].text for row in table.rows)
    html, markdown = pages(photographs)
    assert 'id="published"' in html and "somebody's CycleGAN" in markdown


def test_an_alias_is_the_same_data_set(photographs, monkeypatch):
    with editing(photographs / "experiment.json") as record:
        record["dataset"] = "summer2winter"
    assert section_of(photographs) is None
    [point] = parse_points(POINT.replace("horse2zebra", "summer2winter_yosemite"))
    monkeypatch.setattr(published, "reference_points", lambda: (point,))
    assert len(section_of(photographs).content[1].rows) == 1


@pytest.mark.parametrize("dataset", ["seasons", "maps2"])
def test_nothing_is_shown_where_nothing_is_about_the_same(photographs, dataset):
    with editing(photographs / "experiment.json") as record:
        record["dataset"] = dataset
    assert section_of(photographs) is None
    assert 'id="published"' not in pages(photographs)[0]


def of_a_network(metric, value, **protocol):
    source = {"where": "w", "section": "s", "says": "x"}
    return ReferencePoint(name="p", what="w", source=source, metric=metric, value=value,
                          protocol=protocol, device="a V100")  # fmt: skip


def test_times_and_parameters_are_shown_for_the_same_network_size_and_batch(
    photographs, monkeypatch
):
    with editing(photographs / "experiment.json") as record:
        model = load_experiment("horse2zebra", "paper", []).model_dump()["model"]
        record["configuration"]["model"] = model
    size, batch = (load(photographs).setting(key) for key in ("data.crop_size",
                                                              "training.batch_size"))  # fmt: skip
    same = {"size": size, "batch": batch, "network": "resnet-9x64"}
    points = (
        of_a_network("step_ms", 190.0, **same),
        of_a_network("step_ms", 191.0, **same | {"size": size + 1}),
        of_a_network("step_ms", 192.0, **same | {"network": "resnet-6x64"}),
        of_a_network("generator_parameters", 11378179.0, network="resnet-9x64"),
    )
    monkeypatch.setattr(published, "reference_points", lambda: points)
    rows = section_of(photographs).content[1].rows
    assert [row[1].text for row in rows] == ["190", "11,378,179"]
    assert "PyTorch" in rows[0][2].text and "a V100" in rows[0][3].text
    assert rows[1][2].text == "11,378,179"
    with editing(photographs / "experiment.json") as record:
        record["dataset"] = "seasons"
    assert section_of(photographs) is None, "not for data that the program draws"


def test_without_a_complete_run_there_is_nothing_to_set_beside(photographs):
    experiment = replace(load(photographs), runs=())
    assert published_section(experiment, [], []) is None
