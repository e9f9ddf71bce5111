"""What the documentation names is there: files, make targets, commands, configuration keys."""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from harness.cli import COMMANDS
from harness.config.experiment import Experiment

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
PATH = re.compile(r"(?<![\w/.-])(?:backends|harness|tests)/[\w/.*<>-]*")
PLACEHOLDER = re.compile(r"[*<]|jax")
MAKE = re.compile(r"\bmake(?: [A-Z_]+=\S+)* ([a-z][a-z-]*)")
COMMAND = re.compile(r"\bcyclebench ([a-z][a-z-]*)")
SECTIONS = tuple(name for name in Experiment.model_fields if name not in ("dataset", "preset"))
KEY = re.compile(rf"(?<![\w./-])((?:{'|'.join(SECTIONS)})(?:\.[a-z]\w*)+)")
FILES = (".csv", ".json", ".md", ".py", ".safetensors", ".yaml")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def code(page: Path) -> str:
    if page in NOTEBOOKS:
        of_code = (cell for cell in cells(page) if cell["cell_type"] == "code")
        return "\n".join("".join(cell["source"]) for cell in of_code)
    return "\n".join(CODE.findall(page.read_text("utf-8")))


def cells(notebook: Path) -> list[dict[str, Any]]:
    return json.loads(notebook.read_text("utf-8"))["cells"]


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def broken(page: Path) -> Iterator[str]:
    for link in LINK.findall(page.read_text("utf-8")):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def commands() -> set[str]:
    found = argparse.ArgumentParser().add_subparsers()
    for add in COMMANDS:
        add(found)
    return set(found.choices)


def keys(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key below a section, and the sections themselves."""
    for name, field in section.model_fields.items():
        yield prefix + name
        for each in (field.annotation, *get_args(field.annotation)):
            if isinstance(each, type) and issubclass(each, BaseModel):
                yield from keys(each, f"{prefix}{name}.")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    assert sorted(broken(page)) == []


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=name)
def test_make_targets_and_commands_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert sorted(set(MAKE.findall(code(page))) - targets) == []
    assert sorted(set(COMMAND.findall(code(page))) - commands()) == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_keys_and_paths_exist(page: Path) -> None:
    named = {key for key in KEY.findall(code(page)) if not key.endswith(FILES)}
    assert sorted(named - {*keys(Experiment)}) == []
    paths = [path for path in PATH.findall(code(page)) if not PLACEHOLDER.search(path)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_notebooks_are_valid(notebook: Path) -> None:
    """Format 4.5, without outputs; what is no command of the shell is Python."""
    document = json.loads(notebook.read_text("utf-8"))
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    names = [cell["id"] for cell in document["cells"]]
    assert len(set(names)) == len(names)
    for cell in document["cells"]:
        assert cell["cell_type"] in ("code", "markdown") and cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
            ast.parse("".join(line for line in cell["source"] if line[0] not in "!%"))
    assert {"setup", "compare"} <= set(MAKE.findall(code(notebook)))


def test_the_pages_name_something_of_each_kind() -> None:
    """Or the patterns find nothing, and the test above could not fail."""
    text = "\n".join(code(page) for page in PAGES)
    assert {"compare", "stress"} <= set(MAKE.findall(text))
    assert {"report", "doctor"} <= set(COMMAND.findall(text))
    assert {"model.norm.epsilon", "timing.checkpoint_seconds"} <= set(KEY.findall(text))
    assert "harness/data/catalogue.py" not in PATH.findall("see/harness/data/catalogue.py")
    assert slug("Is it slower, or worse, than it was?") == "is-it-slower-or-worse-than-it-was"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_replaces_what_make_setup_has_linked_by_a_copy(page: Path) -> None:
    for line in page.read_text("utf-8").splitlines():
        if "pip install" in line and re.search(r"['\" ]\.(\[|['\" ]|$)", line):
            assert "--editable" in line, line


def test_the_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 90 and max(map(len, lines)) <= 110
