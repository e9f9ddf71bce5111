"""Study files: what a good one means, and how a bad one is refused (more in tests/malformed)."""

import pytest

from harness.cli import main
from harness.studies.grid.file import parse_study, read_study, shipped
from harness.studies.grid.grid import make_cells
from harness.system.errors import UserError

HEAD = "description: x\npreset: smoke\n"
GOOD = (
    HEAD
    + """
seeds: [3, 4]
set: {model.filters: 8}
grid:
  model.blocks: [0, 1]
  lambda:
    0: {objective.lambda_a: 0, objective.lambda_b: 0}
    10: {objective.lambda_a: 10, objective.lambda_b: 10}
report: {x: lambda, baseline: {model.blocks: 1, lambda: 10}}
"""
)
BLOCKS = HEAD + "grid: {model.blocks: [1, 2]}\n"


def cells_of(text, **asked):
    return make_cells(parse_study(text, "a.yaml"), "a.yaml", **asked)


def refusal(text):
    with pytest.raises(UserError) as refused:
        cells_of(text)
    said = str(refused.value)
    assert said.startswith("a.yaml: ") and "\n" not in said
    return said


def test_cells_are_the_product_of_the_axes_the_last_one_fastest():
    cells = cells_of(GOOD)
    assert [cell.name for cell in cells] == [
        "blocks 0, lambda 0", "blocks 0, lambda 10", "blocks 1, lambda 0", "blocks 1, lambda 10",
    ]  # fmt: skip
    made = [(c.experiment.model.blocks, c.experiment.objective.lambda_a) for c in cells]
    assert made == [(0, 0), (0, 10), (1, 0), (1, 10)]
    assert all(c.experiment.objective.lambda_a == c.experiment.objective.lambda_b for c in cells)
    assert {c.experiment.model.filters for c in cells} == {8}
    study = parse_study(GOOD, "a.yaml")
    assert study.seeds == (3, 4) and study.baseline_labels(study.axes) == ("1", "10")


def test_data_set_and_preset_may_be_axes():
    text = "description: x\npreset: smoke\ngrid: {dataset: [a, b], preset: [smoke, quick]}"
    made = [(c.experiment.dataset, c.experiment.preset) for c in cells_of(text)]
    assert made == [("a", "smoke"), ("a", "quick"), ("b", "smoke"), ("b", "quick")]


def test_what_the_user_asks_for_goes_on_top_of_what_the_file_sets():
    [first, _, *_] = cells_of(GOOD, dataset="maps", overrides=["model.filters=6"])
    assert (first.experiment.model.filters, first.experiment.dataset) == (6, "maps")
    with pytest.raises(UserError, match=r"--set model\.blocks=5: the grid of a\.yaml varies"):
        cells_of(GOOD, overrides=["model.blocks=5"])
    with pytest.raises(UserError, match="--dataset maps: the grid of"):
        cells_of(HEAD + "grid: {dataset: [a, b]}", dataset="maps")


def test_axes_whose_short_titles_agree_are_called_by_their_full_keys():
    text = HEAD + "grid: {model.norm.epsilon: [1.0e-5, 1.0e-3], optimiser.epsilon: [1.0e-8]}"
    assert cells_of(text)[0].name == "model.norm.epsilon 1e-05, optimiser.epsilon 1e-08"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "not YAML (expected the node content, but found '<stream end>', line 1)"),
        (HEAD + "grid: {}", "grid: dictionary should have at least 1 item"),
        (HEAD + "grid: {model.blocks: []}", "grid.model.blocks: no values"),
        (HEAD + "grid: {model.blocks: 3}", "grid.model.blocks: a list of values, or a mapping"),
        (HEAD + "grid: {blocks: [3]}", "grid.blocks: write section.key"),
        (HEAD + "grid: {model.blocks: [1, 1]}", "grid.model.blocks: 1 comes twice"),
        (HEAD + "grid: {m: {a: 3}}", "grid.m.a: a mapping of keys to values is needed"),
        (HEAD + "grid: {m: {a: {}}}", "grid.m.a: a mapping of keys to values is needed"),
        (HEAD + "grid: {m: {a: {b: 3}}}", "grid.m.a.b: write section.key"),
        (
            HEAD + "grid: {model.blocks: [1], m: {a: {model.blocks: 3}}}",
            "grid.m: model.blocks is varied by model.blocks already",
        ),
        (HEAD + "grid: {dataset: [a]}\ndataset: b", "dataset: the grid varies it"),
        (BLOCKS + "set: {model.blocks: 3}", "set.model.blocks: the grid varies it"),
        (BLOCKS + "set: {blocks: 3}", "set.blocks: write section.key"),
        (BLOCKS + "set: {preset: quick}", "set.preset: write section.key"),
        (BLOCKS + "report: {x: foo}", "report.x: 'foo' is no axis of the grid; one of model"),
        (BLOCKS + "report: {metrics: [fid, fid]}", "metrics: name each metric once"),
        (BLOCKS + "report: {baseline: {model.blocks: 7}}", "model.blocks: 7 is none of 1, 2"),
        (BLOCKS + "report: {baseline: {}}", "report.baseline: one label for each of model.blocks"),
        (BLOCKS + "report: {mertics: 2}", "report.mertics: unknown key 'mertics'; allowed: met"),
        (BLOCKS + "seeds: []", "seeds: tuple should have at least 1 item"),
        (BLOCKS + "seeds: [0, 0]", "seeds: each seed once"),
        (BLOCKS + "seeds: [-1]", "seeds.0: input should be greater than or equal to 0, got -1"),
        (HEAD + "grid: {model.blocks: [2024-99-99]}", "not YAML (a value makes no sense)"),
        (HEAD + "grid: {model.blokcs: [1]}", "blokcs 1: model.blokcs: unknown key"),
        (HEAD + "grid: {model.blocks: [1, a]}", "blocks a: model.blocks: input should be a valid"),
        (HEAD + "grid: {data.crop_size: [32, 80]}", "crop size 80: data.crop_size: 80 is larger"),
        (HEAD + "grid: {preset: [smoke, nope]}", "preset nope: preset 'nope': unknown"),
        (
            HEAD + "grid: {optimiser.learning_rate: [2e-4, 0.0002]}",
            "learning rate 2e-4 and learning rate 0.0002 are the same experiment",
        ),
        (
            HEAD + f"grid: {{training.batch_size: {list(range(1, 102))}}}",
            "grid has 101 cells; at most 100 are allowed",
        ),
    ],
)  # fmt: skip
def test_bad_files_are_refused_by_name_in_one_line(text, says):
    assert says in refusal(text)


def test_shipped_studies_are_listed_and_read(tmp_path):
    assert shipped() == [
        "domainnet", "gan-mnist-losses", "mnist-usps-tests", "pool", "port-mistakes", "precision",
        "resnet-depth", "tensorflow-versions", "unet-depth", "up-sampling",
    ]  # fmt: skip
    for name in shipped():
        assert read_study(name)[0] == name
    (tmp_path / "mine.yaml").write_text(GOOD)
    assert read_study(str(tmp_path / "mine.yaml"))[0] == "mine"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["FILE", "--backends", "torch,mxnet"], "backends: 'mxnet' is unknown"),
        (["FILE", "--device", "tpu"], "device: 'tpu' is unknown"),
        (["FILE", "--set", "model.blocks=1"], "the grid of a varies model.blocks"),
        (["FILE", "--set", "model.filters=x"], "blocks 1: model.filters: input should be"),
        (["FILE", "--dataset", "/no/such/place"], "/no/such/place"),
    ],
)
def test_bad_input_is_one_line_and_status_2(capsys, tmp_path, arguments, says):
    (tmp_path / "a.yaml").write_text(BLOCKS)
    file, results = str(tmp_path / "a.yaml"), tmp_path / "results"
    given = [file if each == "FILE" else each for each in arguments]
    status = main(["study", "--results", str(results), *given])
    err = capsys.readouterr().err.strip()
    assert status == 2 and err.splitlines()[-1].startswith("cyclebench: ") and says in err
    assert "Traceback" not in err and not results.exists()


@pytest.mark.parametrize("name", shipped())
def test_every_cell_of_a_shipped_study_is_a_valid_experiment(name):
    _, study = read_study(name)
    cells = make_cells(study, name)
    counts = {"domainnet": 6, "mnist-usps-tests": 9, "pool": 3, "precision": 2, "up-sampling": 2,
              "tensorflow-versions": 1, "gan-mnist-losses": 3, "port-mistakes": 7}  # fmt: skip
    assert len(cells) == counts.get(name, 5)
    for cell in cells:
        assert cell.experiment.networks().parameter_shapes()
