"""What tests of data sets and downloads begin with: nothing found before, nothing asked outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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
