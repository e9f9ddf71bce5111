"""The script as bash runs it: words typed so far, and what bash would offer."""

import shutil
import subprocess
import sys

import pytest
from fake_pythons import made

from harness.cli import main, make_parser
from harness.config.presets import preset_names

TRY = """
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_shtab_cyclebench
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """A file with the script for bash."""
    from contextlib import redirect_stdout

    folder = tmp_path_factory.mktemp("completion")
    file = folder / "cyclebench.bash"
    # Of an environment with one for a version beside it.
    made(folder, ".venv-tf@2.17.1", role="tf@2.17.1")
    with pytest.MonkeyPatch.context() as patch, file.open("w") as out, redirect_stdout(out):
        patch.setattr(sys, "prefix", str(folder / ".venv"))
        assert main(["completion", "bash"]) == 0
    return file


@pytest.fixture
def offered(script, tmp_path):
    if shutil.which("bash") is None:
        pytest.skip("no bash here: its completion was not tried")
    (tmp_path / "photos").mkdir()
    (tmp_path / "weights.pth").touch()

    def ask(*words):
        done = subprocess.run(
            ["bash", "-c", TRY, "bash", str(script), "cyclebench", *words],
            capture_output=True, text=True, check=True, cwd=tmp_path,
        )  # fmt: skip
        assert done.stderr == ""
        return set(done.stdout.split())

    return ask


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["comp"], {"compare", "completion"}),
        (["compare", "--pre"], {"--preset"}),
        (["compare", "--preset", "horse"], {"horse2zebra", "horse2zebra-buffer"}),
        (["compare", "--dataset", "summer"], {"summer2winter", "summer2winter_yosemite"}),
        (["compare", "--dataset", "ph"], {"photos"}),
        (["compare", "--data-dir", ""], {"photos"}),
        (["bench", "--backends", "to"], {"torch", "torch,tf"}),
        (["bench", "--backends", "tf"], {"tf", "tf@2.17.1"}),
        (["study", "poo"], {"pool"}),
        (["datasets", "au"], {"audit"}),
        (["fetch-weights", "we"], {"weights.pth"}),
        (["list", "ph"], {"photos"}),
        (["models", "--q"], set()),
    ],
)
def test_bash_offers_what_fits(offered, words, wanted):
    assert offered(*words) == wanted


def test_bash_knows_every_command_and_preset(offered):
    commands = set(make_parser()._subparsers._group_actions[0].choices)
    assert commands <= offered("")
    assert set(preset_names()) == offered("models", "--preset", "")


def test_zsh_has_a_function_for_every_value_that_has_names(capsys):
    assert main(["completion", "zsh"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("#compdef cyclebench")
    for name in ("preset", "dataset", "study", "backends"):
        assert f"_cyclebench_{name}() {{ compadd -- " in said, name
        assert f":_cyclebench_{name}" in said, f"{name} is asked for"
