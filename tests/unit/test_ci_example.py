"""examples/ci: workflows that are valid, ask for little, and call commands that exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import make_parser

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / "examples/ci").glob("*.yml"))
ACTION = re.compile(r"actions/[a-z-]+@v\d+|[\w.-]+/[\w./-]+@[0-9a-f]{40}")
COMMANDS = make_parser()._subparsers._group_actions[0].choices
PARTS = re.compile(r"\|\||&&|[|;\n]")  # between commands of a line


def read(workflow: Path) -> dict[Any, Any]:
    return yaml.safe_load(workflow.read_text("utf-8"))


def steps(workflow: Path) -> Iterator[dict[str, Any]]:
    for job in read(workflow)["jobs"].values():
        yield from job["steps"]


def scripts() -> list[str]:
    return [step["run"] for workflow in WORKFLOWS for step in steps(workflow) if "run" in step]


def calls(program: str) -> Iterator[list[str]]:
    """Words after the program's name, of every command that calls it."""
    for script in scripts():
        for command in PARTS.split(script.replace("\\\n", " ")):
            words = shlex.split(command, comments=True)
            for place, word in enumerate(words):
                if Path(word).name == program:
                    yield words[place + 1 :]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_it_asks_for_little_and_uses_actions_that_cannot_be_exchanged(workflow: Path) -> None:
    document = read(workflow)
    assert document["permissions"] == {}
    assert set(document[True]) == {"pull_request", "schedule", "workflow_dispatch"}, "`on`"
    for name, job in document["jobs"].items():
        writes = {key for key, value in job["permissions"].items() if value == "write"}
        runs_code = any("checkout" in step.get("uses", "") for step in job["steps"])
        if "pull_request" in job["if"].replace("!= 'pull_request'", ""):
            assert not (writes and runs_code), f"{name}: code of a pull request may write"
        assert len(job["permissions"]) == 1 and job["timeout-minutes"]
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert ACTION.fullmatch(step.get("uses", "actions/x@v1")), step


def test_nothing_from_outside_is_part_of_a_shell_line() -> None:
    assert [script for script in scripts() if "${{" in script] == []


@pytest.mark.parametrize("script", scripts(), ids=lambda text: text.splitlines()[0][:40])
def test_bash_reads_it(script: str) -> None:
    if shutil.which("bash") is None:
        pytest.skip("no bash here")
    done = subprocess.run(["bash", "-n", "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pipe_of_a_command_that_must_not_fail_unseen_has_bashs_options() -> None:
    """The default shell has no `pipefail`; `shell: bash` has."""
    for workflow in WORKFLOWS:
        for step in steps(workflow):
            if re.search(r"(?<!\|)\|(?!\|)", step.get("run", "")):
                assert step.get("shell") == "bash", step


def test_every_command_and_option_exists() -> None:
    found = list(calls("cyclebench"))
    for name, *words in found:
        arguments = [word for word in words if not word.startswith(("|", ">"))]
        COMMANDS[name].parse_args(arguments)  # exits where an option does not exist
    assert {words[0] for words in found} == {"parity", "track", "regress"}


def test_every_target_and_variable_of_make_exists() -> None:
    makefile, found = (ROOT / "Makefile").read_text("utf-8"), list(calls("make"))
    assert {target for target, *_ in found} == {"setup", "bench"}
    for target, *variables in found:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
        for variable in variables:
            name, equals, _ = variable.partition("=")
            assert equals and re.search(rf"\$\$?\(?{name}\b", makefile), variable
