"""Which points are measured, with which settings; what is refused, and what is kept."""

import pytest
from scaling_record import failed, point, record

from harness.cli import main
from harness.config.load import load_experiment
from harness.plan.step_cost import step_flops
from harness.processes.faults import ended
from harness.studies.scaling.points import (
    BASE,
    ScalingPoint,
    axes_of,
    choose,
    default_values,
    make_points,
    parse_values,
    settings,
)
from harness.studies.scaling.record import find_records, read_record, write_record
from harness.studies.scaling.run import Method, estimate, failure
from harness.system.errors import UserError, WorkerFailed


def points_of(preset, names=None, values=None, overrides=()):
    base = load_experiment(None, preset, list(overrides))
    return make_points(base, overrides, choose(base, names), values or {})


def test_each_axis_is_varied_alone_around_one_base():
    points, left_out = points_of("quick")
    assert not left_out and len(points) == len({each.key for each in points}) == 13
    assert [each.label for each in points if each.axis == BASE] == ["base"]
    by_axis = {name: [each.value for each in points if each.axis == name]
               for name in ("size", "batch", "filters", "blocks")}  # fmt: skip
    assert by_axis == {
        "size": [32, 128, 192], "batch": [2, 4, 8], "filters": [8, 32, 48], "blocks": [3, 6, 9],
    }  # fmt: skip
    for each in points[1:]:
        changed = dict(flatten(each.experiment.model_dump()))
        unchanged = dict(flatten(points[0].experiment.model_dump()))
        assert {k: v for k, v in changed.items() if unchanged[k] != v} == dict(each.settings)
        assert (each.value > 16 or each.axis != "filters") == (
            step_flops(each.experiment) > step_flops(points[0].experiment)
        ) or each.value == 32


def flatten(settings, prefix=""):
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def test_images_keep_their_margin_and_b_its_distance():
    base = load_experiment(None, "quick", [])
    size = axes_of(base)[0]
    assert settings(base, size, 96) == {"data.load_size": 108, "data.crop_size": 96}
    grows = load_experiment(None, "mnist-svhn", [])
    changed = settings(grows, axes_of(grows)[0], 56)
    assert changed["data.crop_size_b"] - 56 == grows.data.crop("b") - grows.data.crop("a") == 4
    points, _ = points_of("mnist-svhn", ("size",), {"size": (56,)})
    assert points[1].experiment.data.crop("b") == 60


def test_filters_take_the_discriminators_along():
    base = load_experiment(None, "quick", ["model.discriminator_filters=32"])
    filters = choose(base, ("filters",))[0]
    assert settings(base, filters, 24) == {
        "model.filters": 24, "model.discriminator_filters": 48,
    }  # fmt: skip


def test_a_unet_has_depth_and_default_values_it_cannot_have_are_left_out_with_a_reason():
    points, left_out = points_of("domainnet-unet")
    depths = [each.value for each in points if each.axis == "depth"]
    assert depths and not [each for each in points if each.axis == "blocks"]
    base = load_experiment(None, "domainnet-unet", [])
    wanted = set(default_values(axes_of(base)[3])) - {base.model.depth}
    impossible = [line for line in left_out if line.startswith("depth ")]
    assert len(depths) + len(impossible) == len(wanted) and impossible
    assert "is not a multiple of" in impossible[0]


def test_the_base_is_measured_whatever_values_are_given():
    points, _ = points_of("smoke", ("batch",), {"batch": (1, 3)})
    assert [each.key for each in points] == [("base", None), ("batch", 3)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--values", "size"], "--values size: write axis=whole numbers"),
        (["--values", "size=32,big"], "--values size=32,big: write axis=whole numbers"),
        (["--values", "size=-32"], "write axis=whole numbers"),
        (["--values", "batch=9999999999"], "write axis=whole numbers"),
        (["--values", "size=32 size=64"], "size is given twice"),
        (["--values", "size=30"], "--values size=30: data.crop_size: 30 is not a multiple of 4"),
        (["--values", "batch=0"], "--values batch=0: training.batch_size"),
        (["--values", "colour=3"], "--values colour=...: that axis is not varied; one of size"),
        (["--axes", "size", "--values", "batch=2"], "--values batch=...: that axis is not varied"),
        (["--axes", "depth"], "axes: 'depth' is none of size, batch, filters, blocks"),
        (["--backends", "mxnet"], "backends: 'mxnet' is unknown"),
        (["--preset", "none"], "preset 'none': unknown"),
        (["--set", "model.blokcs=1"], "model.blokcs: unknown key"),
    ],
)
def test_bad_input_is_one_line_and_status_2_before_anything_is_written(
    tmp_path, capsys, arguments, says
):
    given = ["--preset", "smoke", *arguments]
    assert main(["scaling", *given, "--results", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_values_are_read_sorted_and_once():
    assert parse_values(["size = 64, 32,64", "batch=2"]) == {"size": (32, 64), "batch": (2,)}


# ------------------------------------------------------------------------------------ the record


def test_a_record_is_read_as_it_was_written_and_points_find_their_place(tmp_path):
    whole = record()
    write_record(tmp_path / "a.json", whole)
    assert read_record(tmp_path / "a.json") == whole == find_records(tmp_path)[0]
    less = whole.model_copy(update={"points": whole.points[::-2]})
    for each in whole.points:
        less = less.having(each)
    assert len(less.points) == len(whole.points)
    assert [each.key for each in less.points] == [
        ("base", None), ("size", 128), ("size", 192), ("size", 256), *(("batch", n) for n in
        (2, 4, 8, 16)),
    ]  # fmt: skip
    size, batch = whole.axes
    assert [value for value, _ in whole.on(batch)] == [1, 2, 4, 8, 16], "the base is among them"
    assert whole.on(size)[0][1] is whole.on(batch)[0][1]


def test_a_point_that_failed_makes_place_for_one_that_did_not():
    before = record(point("base", None, 10**8), failed("batch", 8, "out of memory"))
    after = before.having(point("batch", 8, 8 * 10**8))
    assert [each.failed for each in after.points] == [None, None]


def test_a_failure_is_known_for_what_it_is():
    killed = failure(WorkerFailed(f"torch: {ended(-9)[1]}; see /some/where/log.txt", "died"))
    assert killed.out_of_memory and killed.why == f"torch: {ended(-9)[1]}"
    assert not failure(WorkerFailed(f"torch: {ended(-11)[1]}; see /x", "died")).out_of_memory
    cuda = "torch: OutOfMemoryError: CUDA out of memory; the traceback is in /x"
    assert failure(WorkerFailed(cuda, "memory")).out_of_memory
    other = failure(WorkerFailed("tf: FloatingPointError: a loss; the traceback is in /x"))
    assert not other.out_of_memory and "/x" not in other.why


def test_an_estimate_scales_with_arithmetic_and_starts_cost_the_same():
    base = point("base", None, 10**6)
    small = load_experiment(None, "smoke", [])
    exact = base.model_copy(update={"flops": step_flops(small)})
    method = Method(4, 0.5)
    same = estimate(exact, [ScalingPoint("batch", 2, {}, small)], method)
    assert same == pytest.approx(exact.wall_seconds)
    large = load_experiment(None, "smoke", ["data.crop_size=512", "data.load_size=512"])
    assert estimate(exact, [ScalingPoint("size", 512, {}, large)], method) > same
    assert estimate(None, [], method) is None
    with pytest.raises(UserError):
        points_of("smoke", ("nowhere",))
