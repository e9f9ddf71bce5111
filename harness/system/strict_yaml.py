"""YAML as settings need it: plain values, each key once, no aliases; nothing else is made."""

from __future__ import annotations

from typing import Any

import yaml

from harness.system.untrusted import reason, shown

MOST_CHARACTERS = 100_000
# What PyYAML's own constructors raise for `!!bool maybe`, `!!int ""`, `!!timestamp x` and so on.
SENSELESS = (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError)


def parse_yaml(text: str) -> Any:
    """Raises ValueError, whose text says in a line what is wrong, and where."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"{len(text):,} characters, at most {MOST_CHARACTERS:,} are read")
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
    except yaml.YAMLError as error:
        raise _unfit(error) from None
    except RecursionError:
        raise ValueError("not YAML (nested too deeply)") from None
    _check(root)
    try:
        return None if root is None else loader.construct_document(root)
    except yaml.YAMLError as error:
        raise _unfit(error) from None
    except RecursionError:
        raise ValueError("not YAML (nested too deeply)") from None
    except SENSELESS:
        raise ValueError("not YAML (a value makes no sense)") from None


def _unfit(error: yaml.YAMLError) -> ValueError:
    line = getattr(getattr(error, "problem_mark", None), "line", None)
    at = "" if line is None else f", line {line + 1}"
    why = getattr(error, "problem", None) or reason(error)
    return ValueError(f"not YAML ({why}{at})")


def _check(root: yaml.Node | None) -> None:
    """YAML would silently keep the last of equal keys; an alias could hide a bomb."""
    nodes, seen = [root], set()
    while nodes:
        node = nodes.pop()
        if node is None:
            continue
        if id(node) in seen:
            raise ValueError("YAML aliases (*name) are not allowed; write it out")
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, _ in node.value:
                name = str(key.value) if isinstance(key, yaml.ScalarNode) else None
                if name in keys:
                    line = node.start_mark.line + 1
                    raise ValueError(f"key {shown(name)} comes twice, below line {line}; keep one")
                if name is not None:
                    keys.add(name)
            nodes += [part for pair in node.value for part in pair]
