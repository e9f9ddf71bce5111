"""Settings that are each valid but not together are refused by name, in one line; presets load."""

from __future__ import annotations

import pytest
import yaml

from harness.config.load import load_any, load_experiment
from harness.config.presets import preset_names
from harness.system.errors import UserError
from harness.tools.layer_table import network_rows

UNET = ("model.generator=unet", "model.depth=3")
DEEP = ("model.generator=unet", "model.depth=6")
WASSERSTEIN = "objective.adversarial=wasserstein_gp"
TWO = ("data.crop_size_b=60", "data.load_size_b=72", "objective.identity=0")
BATCH = "model.norm={kind: batch}"
# Four halvings end at one pixel, of which instance norm leaves nothing.
SMALL = ("data.crop_size=16", "model.discriminator=strided", "model.discriminator_padding=same")


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        # Values.
        (["model.generator=vit"], "model.generator: input should be 'resnet' or 'unet'"),
        (["model.upsampling=pixel"], "model.upsampling: input should be 'transposed' or 'resize_"),
        (["model.depth=0"], "model.depth: input should be greater than or equal to 1, got 0"),
        (["model.unet_kernel=5"], "model.unet_kernel: input should be 3 or 4, got 5"),
        (["model.unet_slope=-1"], "model.unet_slope: input should be greater than or equal to 0"),
        (["model.dropout=1"], "model.dropout: input should be less than 1, got 1"),
        (["model.unet_norm_ends=2"], "model.unet_norm_ends: input should be a valid boolean"),
        (["model.stem_bias=x"], "model.stem_bias: input should be a valid boolean"),
        (["model.discriminator=gan"], "model.discriminator: input should be 'patch', 'strided' or"),
        (["model.discriminator_layers=0"], "model.discriminator_layers: input should be greater"),
        (["model.discriminator_norm=batch"], "model.discriminator_norm: input should be a valid"),
        (["model.discriminator_norm.kinds=x"], "unknown key 'kinds'; allowed: kind, affine"),
        (["model.discriminator_bias=no_way"], "model.discriminator_bias: input should be a valid"),
        (["model.discriminator_padding=valid"], "model.discriminator_padding: input should be"),
        (["model.discriminator_tanh=2"], "model.discriminator_tanh: input should be a valid bool"),
        (
            ["model.discriminator_tanh=true", "model.discriminator_sigmoid=true"],
            "model.discriminator_sigmoid: there is a tanh already",
        ),
        (["objective.adversarial=gan"], "objective.adversarial: input should be 'least_squares',"),
        (["objective.clip=0"], "objective.clip: input should be greater than 0, got 0"),
        (["objective.gradient_penalty=-1"], "objective.gradient_penalty: input should be greater"),
        (["objective.cycle_norm=l3"], "objective.cycle_norm: input should be 'l1' or 'l2'"),
        (["objective.identity_norm=1"], "objective.identity_norm: input should be 'l1' or 'l2'"),
        (["objective.identity_unit=x"], "objective.identity_unit: input should be 'relative' or"),
        (["objective.pool=all"], "objective.pool: input should be 'reference', 'half_new' or 'no"),
        (["objective.update_order=x"], "objective.update_order: input should be 'generators_fir"),
        (["optimiser.discriminator_learning_rate=0"], "learning_rate: input should be greater"),
        (["training.steps=0"], "training.steps: input should be greater than or equal to 1, got 0"),
        (["training.policy=exp"], "training.policy: input should be 'linear', 'step', 'cosine', "),
        (["training.step_epochs=0"], "training.step_epochs: input should be greater than or equal"),
        (["training.plateau_patience=-1"], "training.plateau_patience: input should be greater"),
        (["training.warmup_epochs=-1"], "training.warmup_epochs: input should be greater than or"),
        (["data.channels_a=2"], "data.channels_a: input should be 1 or 3, got 2"),
        (["data.augmentation=x"], "data.augmentation: input should be 'resize_crop' or 'square_"),
        (["evaluation.images=0"], "evaluation.images: input should be greater than or equal to 1"),
        # Combinations.
        (["data.crop_size=80"], "data.crop_size: 80 is larger than data.load_size, 72"),
        (["data.crop_size_b=80"], "data.crop_size_b: 80 is larger than data.load_size_b, 72"),
        (["data.load_size_b=60"], "data.crop_size_b: 64 is larger than data.load_size_b, 60"),
        ([*TWO, "objective.identity=0.5"], "objective.identity: a generator can only keep images"),
        (["data.channels_b=1"], "objective.identity: a generator can only keep images of its own"),
        ([*TWO, *UNET], "data.crop_size_b: a U-Net cannot change the size; take resnet"),
        ([*TWO, "data.crop_size_b=56"], "change the size by 2, 4 or 6 pixels, not by -8"),
        ([*TWO, "data.crop_size_b=61"], "change the size by 2, 4 or 6 pixels, not by -3"),
        (["data.crop_size=62"], "62 is not a multiple of 4, which the generator's two down-samp"),
        (["data.crop_size=60", *UNET], "60 is not a multiple of 8, which model.depth=3 needs"),
        (["data.crop_size=4", "model.discriminator=pixel"], "4 is too small for residual blocks"),
        (
            ["data.crop_size=16", "model.discriminator_layers=3"],
            "16 is too small for model.discriminator_layers=3; take larger",
        ),
        ([*SMALL, "model.discriminator_layers=4"], "16 is too small for model.discriminator_lay"),
        (["model.discriminator_layers=7"], "64 is too small for model.discriminator_layers=7; "),
        ([*DEEP, BATCH, "model.unet_norm_ends=true"], "one value a channel in g_ab/down5; take"),
        (["training.epochs_constant=0", "training.epochs_decay=0"], "epochs_decay are both 0"),
        (["training.warmup_epochs=999"], "training.warmup_epochs: 999 is more than the "),
        (["training.policy=plateau", "training.decay=step"], "plateau goes by epochs; set it to"),
        ([WASSERSTEIN, BATCH], "batch makes images of a batch depend on each other"),
        (["objective.pool=half_new", "objective.pool_size=0"], "half_new needs at least 1"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(overrides, says):
    with pytest.raises(UserError) as refusal:
        load_experiment("seasons", "quick", overrides)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "overrides",
    [
        [*TWO],
        ["data.channels_a=1", "data.channels_b=1"],
        ["data.channels_a=1", "objective.identity=0"],
        ["data.crop_size=8", "data.load_size=8", "model.discriminator=pixel"],
        [*SMALL, "model.discriminator_layers=3"],
        [*SMALL, "model.discriminator_layers=4", "model.discriminator_norm={kind: none}"],
        DEEP,
        # The innermost norm sees one pixel: of a batch of two, two values.
        [
            *(*DEEP, BATCH, "model.unet_norm_ends=true", "training.batch_size=2"),
            "model.discriminator_norm={kind: instance}",
        ],
        [BATCH, "model.discriminator_norm={kind: none}", WASSERSTEIN],
        ["objective.pool=none", "objective.pool_size=0"],
        ["training.policy=plateau"],
        ["training.warmup_epochs=10", "training.epochs_constant=10", "training.epochs_decay=0"],
    ],
    ids=" ".join,
)
def test_what_is_just_possible_is_not_refused(overrides):
    assert network_rows(load_experiment("seasons", "quick", overrides).networks())


def test_discriminators_take_after_generators_unless_told_otherwise():
    given = ["model.bias=false", "model.padding=same", "model.norm={kind: batch, affine: true}"]
    both = load_experiment(None, "quick", given).networks()
    assert both.d_a.norm == both.g_ab.norm and both.d_a.norm.kind == "batch"
    assert (both.d_a.bias, both.d_a.padding) == (False, "same")
    own = [
        *("model.discriminator_bias=true", "model.discriminator_padding=symmetric"),
        "model.discriminator_norm={kind: instance}",
    ]
    other = load_experiment(None, "quick", [*given, *own]).networks()
    assert other.g_ab == both.g_ab
    assert (other.d_b.bias, other.d_b.padding) == (True, "symmetric")
    assert other.d_b.norm.kind == "instance"
    none = load_experiment(None, "quick", ["model.norm={kind: none}"]).networks()
    assert none.g_ab.norm is None and none.d_a.norm is None


def test_presets_name_their_data_set_which_the_user_may_replace():
    assert load_experiment(None, "mnist-svhn", []).dataset == "mnist-svhn"
    assert load_experiment("seasons", "horse2zebra", []).dataset == "seasons"
    assert load_experiment(None, "horse2zebra", []).dataset == "horse2zebra"
    assert load_experiment(None, "smoke", []).dataset == "seasons"
    with pytest.raises(UserError, match=r"write section\.key=value"):
        load_experiment(None, "smoke", ["dataset=mnist-svhn"])


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_one_experiment_with_networks_and_an_objective(name):
    experiment = load_any(None, name, [])
    assert experiment.preset == name
    assert all(experiment.networks().parameter_shapes().values())
    assert set(experiment.loss().weights) >= set(experiment.loss().terms)
    # What is written down is all there is: nothing is lost on the way to a worker and back.
    written = yaml.safe_load(yaml.safe_dump(experiment.model_dump(mode="json")))
    assert type(experiment).model_validate(written) == experiment


def test_a_preset_that_extends_another_changes_only_what_it_names():
    base, buffer = (
        load_experiment(None, name, []) for name in ("horse2zebra", "horse2zebra-buffer")
    )
    changed = buffer.objective.model_copy(update={"pool": "none"})
    assert buffer.objective.pool == "half_new"
    assert buffer.model_copy(update={"preset": base.preset, "objective": changed}) == base
    flowers = load_experiment(None, "two-ways-flowers", [])
    assert flowers.dataset == "iphone2dslr_flower" and flowers.evaluation.evaluate_every == 10
