import ast
import inspect

import pytest

from backends.architecture import DiscriminatorSpec, ResNetSpec, UNetSpec
from backends.interface import Runtime
from backends.objective import Objective
from harness.config import sections
from harness.config.backend_names import check_backends
from harness.config.differences import changes, differences, flat
from harness.config.experiment import Experiment
from harness.config.load import load_experiment
from harness.plan.plan import evaluation_steps
from harness.system.errors import UserError


def test_paper_is_the_published_preset():
    paper = load_experiment("seasons", "paper", [])
    assert (paper.model.filters, paper.model.blocks, paper.data.crop_size) == (64, 9, 256)
    assert paper.training.epochs_constant + paper.training.epochs_decay == 200
    assert (paper.objective.lambda_a, paper.objective.identity) == (10.0, 0.5)


def test_overrides_reach_the_networks_and_the_loss():
    experiment = load_experiment(
        "seasons", "quick", ["model.blocks=2", "objective.lambda_b=5", "optimiser.epsilon=1e-7"]
    )
    assert experiment.networks().g_ab.blocks == 2
    assert experiment.loss().lambda_b == 5.0
    assert experiment.loss().epsilon == 1e-7


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("model.block=3", "model.block: unknown key 'block'; allowed: generator, filters, blocks"),
        ("models.blocks=3", "models: unknown key 'models'; allowed: data, model"),
        ("model.blocks=many", "model.blocks: input should be a valid integer, got 'many'"),
        ("model.blocks=2.0", "model.blocks: input should be a valid integer, got 2.0"),
        ("model.blocks=true", "model.blocks: input should be a valid integer, got True"),
        ("objective.lambda_a=-1", "objective.lambda_a: input should be greater than or equal"),
        ("objective.lambda_a=.nan", "objective.lambda_a: input should be a finite number"),
        ("runtime.precision=half", "runtime.precision: input should be 'float32', 'float64' or"),
        ("data.resize=cubic", "data.resize: input should be 'bicubic', 'bilinear' or 'bilinear_"),
        ("data.augment=once", "data.augment: input should be 'fresh' or 'frozen'"),
        ("training.pairing=both", "training.pairing: input should be 'random_b', 'oversample'"),
        ("training.decay=batch", "training.decay: input should be 'epoch' or 'step'"),
        ("model.initial_weights=he", "model.initial_weights: input should be 'normal' or 'glorot_"),
        ("model.norm=batch", "model.norm: input should be a valid dictionary"),
        ("model.norm.kinds=batch", "model.norm.kinds: unknown key 'kinds'; allowed: kind, affine"),
        ("evaluation.margins.lpips=1", "missing or unknown: ['lpips']"),
        ("blocks=3", "write section.key=value"),
        ("dataset.x=1", "write section.key=value"),
        ("data.flip=2024-99-99", "is not a YAML value"),
        ("model.blocks", "write section.key=value"),
        ("model.blocks=[", "is not a YAML value"),
        ("model.blocks.deep=1", "blocks is a value, not a section"),
    ],
)
def test_bad_overrides_are_refused_by_name_in_one_line(override, says):
    with pytest.raises(UserError) as refusal:
        load_experiment("seasons", "quick", [override])
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_unknown_preset_names_the_known_ones():
    with pytest.raises(UserError, match=r"preset 'papers': unknown; one of .*paper.*quick"):
        load_experiment("seasons", "papers", [])


def test_one_margin_can_be_set_alone():
    default = load_experiment("seasons", "quick", []).evaluation.margins
    changed = load_experiment("seasons", "quick", ["evaluation.margins.cycle_psnr=2"])
    assert changed.evaluation.margins == {**default, "cycle_psnr": 2.0}


def test_digest_changes_with_settings_data_and_code_only():
    quick, again = (load_experiment("seasons", "quick", []) for _ in range(2))
    other = load_experiment("seasons", "quick", ["objective.lambda_a=9.5"])
    digest = quick.digest("data", "code")
    assert again.digest("data", "code") == digest
    assert digest not in {
        quick.digest("other data", "code"),
        quick.digest("data", "other code"),
        other.digest("data", "code"),
    }


@pytest.mark.parametrize("names", [["mxnet"], ["torch", "torch"], []])
def test_backends_are_known_and_named_once(names):
    with pytest.raises(UserError, match="backends"):
        check_backends(names)


def test_test_images_are_evaluated_every_epoch_or_every_so_many_epochs_or_steps():
    def steps(*overrides):
        experiment = load_experiment("any", "smoke", list(overrides))
        return evaluation_steps(experiment, 20, 5)

    assert steps() == (5, 10, 15), "four epochs of five steps; the last is always evaluated"
    assert steps("evaluation.evaluate_every=2") == (10,)
    assert steps("evaluation.evaluate_every=7", "evaluation.evaluate_unit=steps") == (7, 14)
    assert steps("evaluation.evaluate_every=0") == steps("evaluation.evaluate_every=9") == ()


OF_BACKENDS = (
    "NormSection", "ModelSection", "ObjectiveSection", "OptimiserSection", "RuntimeSection"
)  # fmt: skip


def test_a_configuration_without_settings_is_the_backends_defaults():
    experiment = Experiment(dataset="any", preset="any")
    assert experiment.networks().g_ab == ResNetSpec()
    assert experiment.networks().d_a == DiscriminatorSpec()
    assert experiment.loss() == Objective()
    assert Runtime(**experiment.runtime.model_dump()) == Runtime()
    unet = Experiment(dataset="any", preset="any", model={"generator": "unet"})
    assert unet.networks().g_ab == UNetSpec()


def test_a_default_that_a_backend_has_is_not_written_again():
    """A number, a switch or a word in these sections is of a key that no backend takes."""
    written = set()
    for section in ast.parse(inspect.getsource(sections)).body:
        if isinstance(section, ast.ClassDef) and section.name in OF_BACKENDS:
            for field in section.body:
                if isinstance(field, ast.AnnAssign):
                    # `default` of Field(default=..., strict=True), or the plain value.
                    keywords = getattr(field.value, "keywords", [])
                    value = next((k.value for k in keywords if k.arg == "default"), field.value)
                    if isinstance(value, ast.Constant) and value.value is not None:
                        written.add(field.target.id)
    assert written == {"generator", "initial_weights", "pool", "learning_rate"}


def test_keys_are_dotted_and_an_empty_mapping_is_a_value():
    assert flat({"a": {"b": 1, "c": {}}, "d": [2]}) == {"a.b": 1, "a.c": {}, "d": [2]}


def test_differences_are_named_with_both_values():
    before = {"model": {"filters": 8, "old": 1}, "seed": 0}
    now = {"model": {"filters": 4}, "seed": 0, "more": None}
    assert differences(before, now) == [
        "model.filters 8 (now 4)",
        "model.old 1 (now absent)",
        "more absent (now None)",
    ]
    assert differences(before, before) == []
    assert len(differences({"a": list(range(1000))}, {"a": []})[0]) < 100


def test_changes_are_those_of_the_preset():
    changed = load_experiment("seasons", "quick", ["model.blocks=2"])
    assert changes(changed) == {"model.blocks": 2}
