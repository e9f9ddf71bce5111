"""Which backends `make` installs, and what for each: fake Pythons, nothing installed."""

import sys
from pathlib import Path

import pytest
from fake_pythons import HERE, checkout, fake_python, made

import backends
from harness.system.errors import UserError
from harness.tools.environments import choose as choosing
from harness.tools.environments import commands, extras, install, stamps
from harness.tools.environments.choose import SetupRequest, choose


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A checkout, and a Python that every backend has a release for."""
    monkeypatch.setattr(choosing, "this_version", lambda: (3, 12))
    return checkout(tmp_path, monkeypatch)


def extras_of(build, *names):
    """Of every environment, by its folder."""
    choice = choose(SetupRequest(build, backends=names))
    return {each.folder.name: each.extras for each in choice.environments}


ON_GPU = {".venv": ("harness",), ".venv-torch": ("torch",), ".venv-tf": ("tf-cuda",)}
ON_OLDER = {**ON_GPU, ".venv-torch": ("torch-cuda12",)}


@pytest.mark.parametrize(
    ("build", "asked", "has"),
    [
        ("cpu", ("torch", "tf"), {".venv": ("cpu",)}),
        ("cpu", ("torch", "jax"), {".venv": ("cpu", "jax")}),
        ("cuda", ("torch",), ON_GPU),
        ("cuda", ("jax",), {**ON_GPU, ".venv-jax": ("jax-cuda",)}),
        ("cuda12", (), ON_OLDER),
        ("cuda12", ("jax",), {**ON_OLDER, ".venv-jax": ("jax-cuda12",)}),
        # What is no backend the command itself refuses.
        ("cpu", ("", "mxnet", "Jax", "jax@0.9.1", "../jax"), {".venv": ("cpu",)}),
        ("cuda", ("", "mxnet", "Jax", "jax@0.9.1", "../jax"), ON_GPU),
    ],
)
def test_backends_that_are_asked_for_are_installed_beside_the_usual_ones(root, build, asked, has):
    assert extras_of(build, *asked) == has


def test_a_new_backend_needs_its_extras_and_nothing_here(root, monkeypatch):
    file = root / "pyproject.toml"
    before = file.read_text()
    monkeypatch.setattr(backends, "available", lambda: (*backends.USUAL, "new"))
    assert extras_of("cuda", "new") == ON_GPU, "of which pip knows nothing"
    add = lambda *names: file.write_text(  # noqa: E731
        before.replace("\ncpu = ", "".join(f'\n{name} = ["n>=1"]' for name in names) + "\ncpu = ")
    )
    for names, on_cpu, on_gpu, on_older in (
        (["new"], "new", "new", "new"),
        (["new", "new-cuda"], "new", "new-cuda", "new-cuda"),
        (["new", "new-cuda", "new-cuda12", "new-cpu"], "new-cpu", "new-cuda", "new-cuda12"),
    ):
        add(*names)
        assert extras_of("cpu", "new") == {".venv": ("cpu", on_cpu)}
        assert extras_of("cuda", "new")[".venv-new"] == (on_gpu,)
        assert extras_of("cuda12", "new")[".venv-new"] == (on_older,)


def test_what_was_asked_for_once_is_kept_up_to_date(root):
    made(root, extras=("cpu", "jax"))
    assert choose(SetupRequest()).environments[0].is_ready
    assert choose(SetupRequest(backends=("jax",))).environments[0].is_ready
    made(root, extras=("cpu", "jax"), pins="of another time")
    [wanted] = choose(SetupRequest()).environments
    assert wanted.extras == ("cpu", "jax") and not wanted.is_ready
    made(root, build="cuda", extras=("harness",))
    assert extras_of("cuda") == ON_GPU
    made(root, ".venv-jax", build="cuda", role="jax", extras=("jax-cuda",))
    assert extras_of("cuda") == {**ON_GPU, ".venv-jax": ("jax-cuda",)}


@pytest.mark.parametrize("build", ["cpu", "cuda"])
def test_a_backend_with_a_python_of_the_users_needs_nothing(root, monkeypatch, build):
    before = extras_of(build)
    monkeypatch.setenv("CYCLEBENCH_PYTHON_JAX", "/my/python")
    assert extras_of(build, "jax") == before


def test_an_environment_of_the_users_beside_the_one_for_cpus_is_used_as_it_is(root):
    """The backend runs in it: what lay in `.venv` would not be used."""
    fake_python(root / ".venv-jax" / "bin" / "python")
    assert extras_of("cpu", "jax") == {".venv": ("cpu",)}


@pytest.mark.parametrize("build", ["cpu", "cuda"])
def test_a_python_without_a_release_of_it_is_told_before_anything_is_made(
    root, monkeypatch, capsys, build
):
    monkeypatch.setenv("PATH", str(root))
    monkeypatch.setattr(choosing, "this_version", lambda: (3, 10))
    for command in ("setup", "ready", "bin"):
        assert commands.main([command, "--build", build, "--backends", "torch, jax"]) == 2
        assert capsys.readouterr().err == (
            "cyclebench: backend jax: no release of its jax for Python 3.10; use"
            " PYTHON=python3.13, or leave jax out of BACKENDS\n"
        )
    assert [path.name for path in root.iterdir()] == ["pyproject.toml"]
    # The others have one, also where a package has other versions for it.
    assert commands.main(["bin", "--build", build, "--backends", "torch,tf"]) == 0
    # A Python that is here and would do is proposed, no other.
    fake_python(root / "python3.10", (3, 10))
    with pytest.raises(UserError, match=r"use PYTHON=python3\.13, or"):
        extras_of(build, "jax")
    fake_python(root / "python3.11", (3, 11))
    with pytest.raises(UserError, match=r"PYTHON=python3\.11, which is here"):
        extras_of(build, "jax")


def test_the_python_of_the_environment_counts_not_the_one_that_runs_this(root):
    made(root, ".venv", (3, 10))
    with pytest.raises(UserError, match=r"Python 3\.10"):
        extras_of("", "jax")


@pytest.fixture
def creator(root, monkeypatch, tmp_path):
    """A fake Python that runs the setup; returns what fake Pythons were told to install."""
    monkeypatch.setattr(sys, "executable", str(fake_python(root / "python3", (3, 12))))
    told = tmp_path / "told"
    return lambda: [line for line in told.read_text().splitlines() if " install " in line]


def test_only_what_needs_another_index_gets_it(creator):
    assert commands.main(["setup", "--build", "cuda12", "--backends", "jax"]) == 0
    harness, torch, tf, jax = creator()
    [url] = extras.table("indexes").values()
    assert f"--extra-index-url {url} --editable .[torch-cuda12]" in torch
    assert "[tf-cuda]" in tf and "[jax-cuda12]" in jax
    assert not any("index" in line for line in (harness, tf, jax))


def test_the_size_of_what_is_new_is_told(root, creator, capsys):
    assert commands.main(["setup", "--build", "cpu"]) == 0
    sizes, err = extras.table("sizes"), capsys.readouterr().err
    assert f"; cpu: about {sizes['cpu']}\n" in err and "jax" not in err
    assert commands.main(["ready", "--build", "cpu", "--backends=torch,jax,"]) == 0
    err = capsys.readouterr().err
    assert "setting up .venv (cpu, jax; " in err and "cpu: about" not in err
    assert err.endswith(f"; jax: about {sizes['jax']}\n")
    for line, project in zip(creator(), (".[cpu]", ".[cpu,jax]"), strict=True):
        assert f"--editable {project} " in line
    assert commands.main(["ready"]) == 0 and len(creator()) == 2


def test_packages_of_extras_are_those_of_pyproject_for_a_python(root):
    torch, tf = extras.packages(["torch"]), extras.packages(["tf"])
    assert "torch" in torch and tf == ["tensorflow-cpu", "keras"]
    assert extras.packages(["cpu"]) == [*extras.packages(["harness"]), *torch, *tf]
    assert extras.packages(["torch-cuda12"]) == torch
    assert extras.packages(["tf-cuda"]) == ["tensorflow", "keras"]
    assert extras.packages(["jax-cuda"], (3, 11)) == ["jax"]
    assert extras.packages(["jax-cuda"], (3, 10)) == []
    assert extras.packages(["tf"], (3, 10)) == tf
    assert "jax" in extras.packages(["test"], (3, 13)), "for which CI tests it"
    assert {"numpy", "nvidia-ml-py"} <= set(extras.packages([extras.DEPENDENCIES], HERE))


def test_a_package_that_is_not_there_after_pip_is_found(root):
    """In this environment, whatever it has."""
    file, here = root / "pyproject.toml", Path(sys.prefix)
    stamp = stamps.new_stamp("harness", HERE)
    assert install.missing(choosing.Wanted(here, stamp, ("harness",))) == ""
    file.write_text(
        file.read_text().replace(
            "\ncpu = ", '\nnew = ["no-such-package", "other; python_version < \'3.9\'"]\ncpu = '
        )
    )
    new = choosing.Wanted(here, stamp, ("harness", "new"))
    assert install.missing(new) == "no-such-package"
    assert install.missing(choosing.Wanted(root / ".venv", stamp, ())) == "a working Python"


def test_every_extra_with_a_size_or_an_index_is_one(root):
    known = extras.requirements()
    for name in ("sizes", "indexes"):
        assert extras.table(name) and extras.table(name).keys() <= known.keys()
    # Read as text as TOML has it.
    tomllib = pytest.importorskip("tomllib")
    document = tomllib.loads(stamps.pyproject())
    assert {name: known[name] for name in document["project"]["optional-dependencies"]} == (
        document["project"]["optional-dependencies"]
    )
    assert known[extras.DEPENDENCIES] == document["project"]["dependencies"]
    assert document["tool"]["cyclebench"] == {
        name: extras.table(name) for name in ("sizes", "indexes")
    }
