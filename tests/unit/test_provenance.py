"""The version of this program, where it is installed and where it is not."""

from __future__ import annotations

from importlib import metadata

from harness.system import provenance


def test_the_version_is_the_installed_one_or_that_of_the_sources(monkeypatch):
    installed = provenance.own_version()
    assert installed == metadata.version("cyclebench")

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert provenance.own_version() == installed
