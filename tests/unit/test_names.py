"""Names that a reader can rely on."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

HARNESS = Path(__file__).parents[2] / "harness"


def test_a_class_name_stands_for_one_thing() -> None:
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in HARNESS.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = Counter(node.name for node in nodes if isinstance(node, ast.ClassDef))
    assert names["TrainingRun"] == 1, "they are found"
    assert [name for name, count in names.items() if count > 1] == []
