"""What tests of data sets and downloads begin with: nothing found before, nothing asked outside.

And for tests of pages, figures that are drawn quickly.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from datasets_helpers import Site, serving


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no mirror, and a working folder without data sets."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("CYCLEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CYCLEBENCH_MIRROR", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A running server that holds nothing yet."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(Site()) as running:
        yield running


@pytest.fixture
def mirror(own_cache: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """`site` as the mirror of all data sets."""
    monkeypatch.setenv("CYCLEBENCH_MIRROR", site.url + "/")
    return site


@pytest.fixture(scope="module")
def small_figures() -> Iterator[None]:
    """Figures are drawn, but few pixels of them, and their SVG and PDF are empty files.

    `test_report_drawing` is about those; whatever fails in a drawing fails in the PNG, too.
    """
    from matplotlib.figure import Figure

    from harness.report import figures

    savefig = Figure.savefig

    def png_alone(drawn: Figure, *arguments: Any, format: str, **named: Any) -> None:
        if format == "png":
            savefig(drawn, *arguments, format=format, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "DPI", 30)
        patch.setattr(Figure, "savefig", png_alone)
        yield
