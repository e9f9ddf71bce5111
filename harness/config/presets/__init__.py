"""The shipped presets, by name: one YAML file each."""

from __future__ import annotations

from importlib import resources

# Minutes on any machine, with or without a GPU.
DEFAULT = "quick"


def preset_names() -> list[str]:
    files = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def preset_text(name: str) -> str:
    """What the file of one of `preset_names` says."""
    return resources.files(__name__).joinpath(f"{name}.yaml").read_text("utf-8")
