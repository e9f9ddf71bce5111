"""The authors' checkpoints in and out: both backends compute what the networks there compute."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from authors_networks import Patch, Pixel, ResNet, UNet, drawn
from frameworks import INSTALLED
from torch import nn

import backends
from backends.interface import Runtime
from harness.config.experiment import Experiment
from harness.config.load import load_experiment
from harness.system import provenance
from harness.system.errors import UserError
from harness.system.files import read_json, write_json
from harness.tools.imports.checkpoint import export_authors, import_checkpoint
from harness.tools.trained_model import read_model

OURS = {"G_A": "g_ab", "G_B": "g_ba", "D_A": "d_b", "D_B": "d_a"}
SMALL = ["data.load_size=32", "data.crop_size=32", "model.filters=3", "objective.pool_size=1"]
SMALL += ["model.discriminator_filters=2"]
BATCH = ["model.norm.kind=batch", "model.norm.affine=true", "model.bias=false"]
Make = Callable[[], nn.Module]
KINDS: dict[str, tuple[Make, Make, list[str]]] = {
    "9 blocks": (lambda: ResNet(3, 9), lambda: Patch(2), []),
    "dropout": (lambda: ResNet(3, 2, dropout=True), lambda: Patch(2), ["model.blocks=2"]),
    "batch norm": (
        lambda: ResNet(3, 2, "batch"),
        lambda: Patch(2, 2, "batch"),
        ["model.blocks=2", "model.discriminator_layers=2", *BATCH],
    ),
    "u-net": (
        lambda: UNet(3, 5),
        lambda: Pixel(2),
        ["model.generator=unet", "model.depth=5", "model.discriminator=pixel"],
    ),
    "u-net, batch norm": (
        lambda: UNet(3, 5, "batch"),
        lambda: Patch(2, 3, "batch"),
        ["model.generator=unet", "model.depth=5", *BATCH],
    ),
}


def experiment(settings: list[str]) -> Experiment:
    return load_experiment("horses", "paper", [*SMALL, *settings])


@cache
def networks(kind: str) -> dict[str, nn.Module]:
    generator, discriminator, _ = KINDS[kind]
    makes = (generator, generator, discriminator, discriminator)
    return {name: drawn(make(), i) for i, (name, make) in enumerate(zip(OURS, makes, strict=True))}


def save(folder: Path, kind: str, epoch: str = "latest") -> Path:
    folder.mkdir()
    for name, network in networks(kind).items():
        torch.save(network.state_dict(), folder / f"{epoch}_net_{name}.pth")
    return folder


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> Callable[[str], tuple[Path, Path]]:
    """Of a kind the folder with the authors' files, and the model that was made of them."""

    @cache
    def folders(kind: str) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp("imported")
        theirs = save(folder / "theirs", kind)
        settings = experiment(KINDS[kind][-1])
        return theirs, import_checkpoint(theirs, settings, folder / "model").folder

    return folders


def same_state(folder: Path, other: Path) -> bool:
    first, second = ((model / "state.safetensors").read_bytes() for model in (folder, other))
    return first == second


@pytest.mark.parametrize("kind", KINDS)
def test_both_backends_compute_what_the_authors_networks_do(imported, eager, kind) -> None:
    trained = read_model(imported(kind)[1])
    model, objective = trained.configuration.networks(), trained.configuration.loss()
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        expected = {
            OURS[name]: network(x).permute(0, 2, 3, 1).numpy()
            for name, network in networks(kind).items()
        }
    for name in INSTALLED:
        runtime = Runtime(threads=provenance.default_threads())
        backend = backends.load(name, model, objective, runtime)
        backend.load_state(trained.state)
        for network, output in expected.items():
            assert np.ptp(output) > 0.05  # or nothing would be tested
            difference = backend.activations(network, images)["output"] - output
            assert np.abs(difference).max() < 2e-5, (name, network)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "dropout"])
def test_what_is_exported_is_what_was_imported_bit_for_bit(tmp_path, imported, kind) -> None:
    folder = imported(kind)[1]
    files = export_authors(folder, tmp_path / "back")
    assert [file.name for file in files] == [f"latest_net_{name}.pth" for name in OURS]
    for name, file in zip(OURS, files, strict=True):
        fresh = KINDS[kind][0 if name.startswith("G") else 1]()
        tensors = torch.load(file, weights_only=True)
        fresh.load_state_dict(tensors, strict=True)
        expected = networks(kind)[name].state_dict()
        assert list(tensors) and tensors.keys() == expected.keys()
        for key, tensor in expected.items():
            assert torch.equal(tensors[key], tensor) and tensors[key].dtype == tensor.dtype, key
    settings = experiment(KINDS[kind][-1])
    again = import_checkpoint(tmp_path / "back", settings, tmp_path / "again").folder
    assert same_state(folder, again)


def parallel(state: dict) -> dict:
    return OrderedDict((f"module.{name}", tensor) for name, tensor in state.items())


def of_2017(state: dict) -> dict:
    """Instance norms had statistics then, which nothing read; of the stem's norm here."""
    of_norm = {f"model.2.{name}": torch.ones(3) for name in ("running_mean", "running_var")}
    return {**state, **of_norm, "model.2.num_batches_tracked": torch.tensor(4)}


def with_metadata(state: dict) -> dict:
    return {**state, "_metadata": {"": {"version": 1}}}


@pytest.mark.parametrize("change", [parallel, of_2017, with_metadata, dict])
def test_what_other_versions_wrote_is_understood(tmp_path, imported, change) -> None:
    folder = save(tmp_path / "theirs", "dropout", "200")
    state = networks("dropout")["G_B"].state_dict()
    # Files of before 2020 are no archives.
    torch.save(change(state), folder / "200_net_G_B.pth",
               _use_new_zipfile_serialization=change is not dict)  # fmt: skip
    settings = experiment(KINDS["dropout"][-1])
    changed = import_checkpoint(folder, settings, tmp_path / "changed", "200").folder
    assert same_state(changed, imported("dropout")[1])


def test_domains_can_be_the_other_way_round(tmp_path, imported) -> None:
    theirs, model = imported("9 blocks")
    plain = read_model(model).state
    import_checkpoint(theirs, experiment([]), tmp_path / "swapped", swap=True)
    swapped = read_model(tmp_path / "swapped").state
    for ours, other in (
        ("g_ab/stem/kernel", "g_ba/stem/kernel"),
        ("d_a/head/bias", "d_b/head/bias"),
    ):
        assert np.array_equal(swapped[ours], plain[other])
        assert not np.array_equal(swapped[ours], plain[ours])


@pytest.mark.parametrize(
    ("kind", "settings", "says"),
    [
        ("9 blocks", ["model.blocks=6"], r"G_A\.pth: model\.blocks is 6, in the file 9; add --set "
         "'model.blocks=9'"),
        ("9 blocks", ["model.filters=4"], "model.filters is 4, in the file 3"),
        ("9 blocks", ["model.discriminator_layers=2"], r"D_B\.pth: .*_layers is 2, in the file 3"),
        ("9 blocks", ["model.discriminator=pixel"], "discriminator is pixel, in the file patch"),
        ("9 blocks", BATCH, "norm.kind is batch, in the file instance"),
        ("u-net", [], "generator is resnet, in the file unet"),
        ("u-net", [*KINDS["u-net"][-1][:1], "model.depth=4"], "depth is 4, in the file 5"),
        ("batch norm", ["model.blocks=2"], "'model.norm.kind=batch model.norm.affine=true"),
        ("9 blocks", ["data.channels_b=1", "objective.identity=0"],
         r"channels_b is 1, in the file 3; add --set 'data.channels_b=3'"),
        ("u-net", ["model.filters=4"], "filters=3 .*discriminator=pixel'"),
        ("9 blocks", ["model.padding=same", "model.discriminator_tanh=true"],
         "add --set 'model.padding=symmetric model.discriminator_tanh=false'"),
    ],
)  # fmt: skip
def test_other_networks_are_refused_with_what_would_fit(
    tmp_path, imported, kind, settings, says
) -> None:
    with pytest.raises(UserError, match=says):
        import_checkpoint(imported(kind)[0], experiment(settings), tmp_path / "model")
    assert not (tmp_path / "model").exists()


# Of another norm, kind, size and depth each.
OTHERS = (
    [],
    ["model.norm.kind=none", "model.bias=false", "model.filters=7"],
    ["model.generator=unet", "model.depth=4", "model.upsampling=resize_conv"],
)


@pytest.mark.parametrize("kind", KINDS)
def test_the_suggestion_is_one_that_works_at_once(tmp_path, imported, kind) -> None:
    theirs, model = imported(kind)
    for number, settings in enumerate(OTHERS):
        first = load_experiment("horses", "smoke", settings)
        with pytest.raises(UserError, match="; add --set '") as refused:
            import_checkpoint(theirs, first, tmp_path / "model")
        more = str(refused.value).partition("--set '")[2].rstrip("'").split()
        fitting = load_experiment("horses", "smoke", [*settings, *more])
        fitted = import_checkpoint(theirs, fitting, tmp_path / str(number)).folder
        assert read_model(fitted).configuration.model.filters == 3
        for name, array in read_model(model).weights("ab").items():
            assert np.array_equal(read_model(fitted).weights("ab")[name], array)


def test_networks_of_a_grey_domain_name_its_key(tmp_path) -> None:
    grey = ["data.channels_a=1", "data.channels_b=1"]
    model = import_grey(tmp_path)
    with pytest.raises(UserError, match=f"; add --set '{' '.join(grey)}'"):
        import_checkpoint(tmp_path / "theirs", experiment(["model.blocks=1"]), tmp_path / "no")
    assert read_model(model).configuration.networks().g_ab.in_channels == 1


def import_grey(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    folder.mkdir()
    for name in OURS:
        network = ResNet(3, 1) if name.startswith("G") else Patch(2)
        state = network.state_dict()
        first = "model.1.weight" if name.startswith("G") else "model.0.weight"
        state[first] = state[first][:, :1]
        for head in {"model.18.weight", "model.18.bias"} & state.keys():
            state[head] = state[head][:1]
        torch.save(state, folder / f"latest_net_{name}.pth")
    settings = experiment(["model.blocks=1", "data.channels_a=1", "data.channels_b=1"])
    return import_checkpoint(folder, settings, tmp_path / "model").folder


def test_an_epoch_that_is_not_there_is_told_of_one_that_is(tmp_path) -> None:
    folder = save(tmp_path / "theirs", "9 blocks", "200")
    with pytest.raises(UserError, match=r"latest_net_G_A\.pth: no such file.*; --epoch 200 is"):
        import_checkpoint(folder, experiment([]), tmp_path / "model")
    for name in ("G_A", "G_B"):
        (folder / f"200_net_{name}.pth").unlink()
    with pytest.raises(UserError, match=r"there are '200_net_D_A\.pth', .*; name a file") as error:
        import_checkpoint(folder, experiment([]), tmp_path / "model", "200")
    assert "is there" not in str(error.value)


def test_nothing_is_written_over(imported) -> None:
    theirs, model = imported("9 blocks")
    with pytest.raises(UserError, match="model: already there"):
        import_checkpoint(theirs, experiment([]), model)
    with pytest.raises(UserError, match=r"latest_net_G_A\.pth: already there"):
        export_authors(model, theirs)


def test_a_run_is_exported_once_it_is_complete(tmp_path, imported) -> None:
    _, model = imported("dropout")
    run = tmp_path / "experiment/runs/cpu/tf-seed0"
    write_json(tmp_path / "experiment/experiment.json", read_json(model / "model.json"))
    status = {"backend": "tf", "seed": 0, "state": "running", "step": 1, "steps": 2}
    write_json(run / "status.json", status)
    (run / "state.safetensors").write_bytes((model / "state.safetensors").read_bytes())
    with pytest.raises(UserError, match="running at step 1 of 2; `make compare`"):
        export_authors(run, tmp_path / "back")
    write_json(run / "status.json", {**status, "state": "complete"})
    export_authors(run, tmp_path / "back")
    assert read_model(run).origin == "experiment: tf, seed 0, 2 steps"
    tensors = torch.load(tmp_path / "back/latest_net_D_B.pth", weights_only=True)
    expected = networks("dropout")["D_B"].state_dict()
    assert torch.equal(tensors["model.0.weight"], expected["model.0.weight"])


def test_a_folder_without_a_model_is_refused(tmp_path) -> None:
    with pytest.raises(UserError, match="no trained model there"):
        export_authors(tmp_path, tmp_path / "out")


def test_the_reference_networks_have_the_names_of_published_checkpoints() -> None:
    """Names as in horse2zebra's own files: what the tests above map must be the real thing."""
    names = set(ResNet(1, 9).state_dict())
    assert {"model.1.weight", "model.10.conv_block.5.bias", "model.26.bias"} <= names
    assert "model.model.1.model.3.model.1.weight" in UNet(1, 5).state_dict()
    assert {"model.0.weight", "model.11.bias"} <= set(Patch(1).state_dict())
