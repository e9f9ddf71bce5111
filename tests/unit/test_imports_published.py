"""Published weights: generators alone, and the names that other codes give their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from authors_networks import ResNet, drawn
from frameworks import INSTALLED
from PIL import Image
from published_files import (
    A2B,
    B2A,
    JUDGES,
    SMALL,
    imported,
    is_of,
    save,
    taken_in,
)
from torch import nn

from harness.cli import main
from harness.system import provenance
from harness.system.errors import UserError
from harness.tools.imports.checkpoint import export_authors
from harness.tools.trained_model import read_model
from harness.tools.translate.generator import load_backend

# ------------------------------------------------------------------------- generators alone


@pytest.mark.parametrize("backend", INSTALLED)
def test_a_generator_alone_computes_what_it_does_there(tmp_path, eager, backend) -> None:
    trained = taken_in(save(tmp_path / "published", latest_net_G=A2B), tmp_path / "model")
    assert trained.directions == ("ab",)
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    x = torch.from_numpy(image).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        expected = A2B(x).permute(0, 2, 3, 1).numpy()
    there = load_backend(trained, backend, "cpu", provenance.default_threads())
    levels = np.abs(there.translate(image, "ab").astype(int) - np.rint((expected + 1) * 127.5))
    assert levels.max() <= 1 and np.ptp(expected) > 0.05


def test_it_is_translated_with_and_exported_one_way(tmp_path, capsys) -> None:
    """The commands of somebody who has downloaded one file."""
    folder = save(tmp_path / "published", latest_net_G=A2B)
    to, out = str(tmp_path / "model"), str(tmp_path / "out")
    settings = " ".join(SMALL)
    command = ["import", "checkpoint", str(folder), "--preset", "paper", "--set", settings]
    assert main([*command, "--to", to]) == 0
    said = capsys.readouterr().out
    assert "A to B; if it is B to A, give --direction ba" in said and "(A to B)" in said
    Image.new("RGB", (32, 32), "teal").save(tmp_path / "a.png")
    picture = [str(tmp_path / "a.png"), "--to", out, "--device", "cpu", "--quiet"]
    assert main(["translate", to, *picture]) == 0
    assert main(["translate", to, *picture, "--direction", "ba", "--overwrite"]) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1 and "holds no generator ba; it has ab" in said
    assert main(["export", to, "--to", str(tmp_path / "onnx"), "--quiet"]) == 0
    assert [file.name for file in (tmp_path / "onnx").glob("*.onnx")] == ["g_ab.onnx"]
    [back] = export_authors(Path(to), tmp_path / "back")
    assert back.name == "latest_net_G_A.pth"
    tensors = torch.load(back, weights_only=True)
    assert all(torch.equal(tensors[name], each) for name, each in A2B.state_dict().items())


@pytest.mark.parametrize(
    ("name", "more", "ours"),
    [
        ("latest_net_G", {"direction": "ba"}, "g_ba"),
        ("latest_net_G", {"swap": True}, "g_ba"),
        ("latest_net_G_A", {}, "g_ab"),
        ("latest_net_G_B", {}, "g_ba"),
        ("latest_net_G_B", {"direction": "ab"}, "g_ab"),
        ("netG_B2A", {}, "g_ba"),
        ("zebras", {}, "g_ab"),
    ],
)
def test_its_direction_is_what_the_name_or_the_user_says(tmp_path, name, more, ours) -> None:
    folder = save(tmp_path / "published", **{name: A2B})
    for number, path in enumerate((folder, folder / f"{name}.pth")):
        trained = taken_in(path, tmp_path / str(number), **more)
        assert trained.directions == (ours[2:],) and is_of(trained, ours, A2B)


def test_two_generators_alone_are_both_directions(tmp_path) -> None:
    there = save(tmp_path / "horse2zebra_pretrained", latest_net_G=A2B)
    back = save(tmp_path / "zebra2horse_pretrained", latest_net_G=B2A)
    trained = taken_in([there, back], tmp_path / "model")
    assert is_of(trained, "g_ab", A2B) and is_of(trained, "g_ba", B2A)
    with pytest.raises(UserError, match="one of 3 generators"):
        imported([there, back, there], tmp_path / "no")
    with pytest.raises(UserError, match="--direction: is said of one"):
        imported([there, back], tmp_path / "no", direction="ab")


def test_a_copy_for_their_test_program_is_left_out(tmp_path) -> None:
    folder = save(tmp_path / "f", latest_net_G=A2B, latest_net_G_A=A2B, latest_net_G_B=B2A)
    done = imported(folder, tmp_path / "model")
    assert done.directions == ("ab", "ba") and "latest_net_G.pth is left out" in done.notes[0]


def test_other_settings_of_discriminators_do_not_matter_without_them(tmp_path) -> None:
    folder = save(tmp_path / "published", latest_net_G=A2B)
    assert taken_in(folder, tmp_path / "model", "model.discriminator_norm_first=true").directions


# ------------------------------------------------------------------------- whose names they are


def test_each_code_calls_its_discriminators_as_it_likes(tmp_path) -> None:
    """The authors' D_A judges B; aitorzip's judges A."""
    authors = save(tmp_path / "authors", latest_net_G_A=A2B, latest_net_G_B=B2A,
                   latest_net_D_A=JUDGES[0], latest_net_D_B=JUDGES[1])  # fmt: skip
    aitorzip = save(tmp_path / "aitorzip", netG_A2B=A2B, netG_B2A=B2A, netD_A=JUDGES[0],
                    netD_B=JUDGES[1])  # fmt: skip
    one, other = imported(authors, tmp_path / "1"), imported(aitorzip, tmp_path / "2")
    assert "latest_net_D_A.pth is d_b here: it judges images of B." in one.notes
    assert "netD_A.pth is d_a here: it judges images of A." in other.notes
    assert any("average their patches" in note for note in other.notes)
    one, other = read_model(one.folder), read_model(other.folder)
    assert is_of(one, "d_b", JUDGES[0]) and is_of(other, "d_a", JUDGES[0])
    assert is_of(one, "g_ab", A2B) and is_of(other, "g_ab", A2B)
    assert "aitorzip" in other.origin
    both = save(tmp_path / "authors", netG_A2B=A2B)
    with pytest.raises(UserError, match=r"files of .* and of .*; name those of one"):
        imported(both, tmp_path / "no")


def test_what_the_networks_here_cannot_be_is_not_imported_and_said(tmp_path) -> None:
    """eriklindernoren's later generators pad with zeros, and no discriminator pads as ours do."""
    later = {
        name.replace("conv_block", "block")
        .replace("model.11.", "model.12.")
        .replace("model.14.", "model.16.")
        .replace("model.18.", "model.20."): tensor
        for name, tensor in A2B.state_dict().items()
    }
    folder = save(tmp_path / "later", G_AB_9=later, G_AB_199=later, G_BA_199=later)
    with pytest.raises(UserError, match=r"G_AB_199\.pth: pads with zeros .* cannot be imported"):
        imported(folder, tmp_path / "model")
    first = save(tmp_path / "first", G_AB_9=B2A, G_BA_9=B2A, G_AB_199=A2B, G_BA_199=B2A,
                 D_A_199=JUDGES[0], D_B_199=JUDGES[1])  # fmt: skip
    done = imported(first, tmp_path / "model")
    trained = read_model(done.folder)
    assert is_of(trained, "g_ab", A2B) and not any(name.startswith("d_") for name in trained.state)
    assert "Of 2 epochs the last is taken: 199." in done.notes
    assert any("they are left out" in note for note in done.notes)
    assert is_of(taken_in(first, tmp_path / "9", epoch="9"), "g_ab", B2A)


def test_pixels_doubled_and_mirrored_is_an_upsampling_that_there_is(tmp_path, eager) -> None:
    """Against checkerboards, as the authors advise, but for the kind of up-sampling."""

    def up(channels):
        inside = [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1)]
        inside.append(nn.Conv2d(channels, channels // 2, 3))
        return [*inside, nn.InstanceNorm2d(channels // 2), nn.ReLU()]

    network = ResNet(3, 1)
    network.model = nn.Sequential(*network.model[:11], *up(12), *up(6), *network.model[-3:])
    drawn(network, 4)
    folder = save(tmp_path / "published", latest_net_G=network)
    with pytest.raises(UserError, match=r"add --set 'model\.upsampling=resize_conv'"):
        imported(folder, tmp_path / "model")
    done = imported(folder, tmp_path / "model", "model.upsampling=resize_conv")
    assert any("bilinear, which files do not tell" in note for note in done.notes)
    trained = read_model(done.folder)
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    x = torch.from_numpy(image).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        expected = network(x).permute(0, 2, 3, 1).numpy()
    backend = load_backend(trained, "torch", "cpu", provenance.default_threads())
    assert np.abs(backend.activations("g_ab", image)["output"] - expected).max() < 2e-5
