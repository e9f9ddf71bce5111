"""What is installed in each environment, and whether it is what was asked for."""

import functools
import json
import venv
from dataclasses import replace

import pytest

import backends
from harness.system import interpreters
from harness.tools.doctor import environment as environments
from harness.tools.doctor import packages
from harness.tools.doctor.check import Check
from harness.tools.doctor.environment import OWN, Environment, gpu_builds, look
from harness.tools.environments import installed, stamps


@functools.cache
def described():
    """This environment; a look at all its packages takes long."""
    return installed.describe(OWN, interpreters.SHARED_PACKAGES)


def environment(serves=("torch", "tf"), is_own=True, **fields):
    """This one, with other fields."""
    return Environment(tuple(serves), is_own, **{**described(), **fields})


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("numpy>=1", ""),
        ("torch==2.13.0", ""),  # of which a build for the CPU is installed
        ("numpy==1.0", "numpy is"),
        ("no-such-package>=1", "no-such-package is missing"),
        ("no-such-package; python_version < '3'", ""),
        ("no-such-package; extra == 'tf-cuda'", ""),
        ("no-such-package; extra == 'harness'", "no-such-package is missing"),
    ],
)
def test_packages_are_those_asked_for(requirement, said):
    asked = [requirement, "tensorflow-cpu; extra == 'tf'"]
    check = packages.check_pins(environment(requires={OWN: asked}))
    assert check.state == ("problem" if said else "ok")
    assert said in check.found and bool(check.fix) is bool(said)


def test_a_copy_of_the_checkout_is_told(tmp_path, monkeypatch):
    """`pip install .` puts one in the place of what `make setup` has linked."""
    stamp = stamps.new_stamp("harness", (3, 11))
    found = {}
    for name, root in (("linked", stamps.ROOT), ("copied", tmp_path / "checkout")):
        (tmp_path / name).mkdir()
        stamps.write_stamp(tmp_path / name, replace(stamp, root=str(root)))
        found[name] = list(packages.check_copy(environment(prefix=str(tmp_path / name))))
    assert found["linked"] == []
    [check] = found["copied"]
    assert check.state == "warning" and str(tmp_path / "checkout") in check.found
    assert check.fix.endswith(f"-m pip install --editable {tmp_path / 'checkout'}`")


# As pyproject.toml has them.
ASKED = [
    "a; extra == 'harness'",
    "torch==2.13.0; extra == 'torch'",
    "cyclebench[torch]; extra == 'torch-cuda12'",
    "torch==2.13.0+cu126; extra == 'torch-cuda12'",
    "tensorflow-cpu==2.21.0; extra == 'tf'",
    "keras==3.15.1; extra == 'tf'",
    "tensorflow[and-cuda]==2.21.0; extra == 'tf-cuda'",
    "keras==3.15.1; extra == 'tf-cuda'",
    "jax==0.9.2; extra == 'jax'",
    "jax[cuda13]==0.9.2; extra == 'jax-cuda'",
    "jax[cuda12]==0.9.2; extra == 'jax-cuda12'",
]
JAX = {
    "jax": ["jaxlib<=0.9.2,>=0.9.2", *(
        f"jax-cuda{number}-plugin[with-cuda]<=0.9.2,>=0.9.2; extra == 'cuda{number}'"
        for number in (12, 13)
    )],
    "jax-cuda13-plugin": ["jax-cuda13-pjrt==0.9.2", "nvidia-cublas>=13.0; extra == 'with-cuda'"],
}  # fmt: skip
ON_CPU = {"jax": "0.9.2", "jaxlib": "0.9.2"}
ON_GPU = {**ON_CPU, "jax-cuda13-plugin": "0.9.2", "jax-cuda13-pjrt": "0.9.2", "nvidia-cublas": "13"}


def asked_for(name, prefix="/x", **versions):
    """The environment of a backend alone that has these packages."""
    versions = {package.replace("_", "-"): version for package, version in versions.items()}
    return environment((name,), False, prefix=str(prefix), requires={OWN: ASKED, **JAX},
                       versions={OWN: "0.1.0", **versions})  # fmt: skip


@pytest.mark.parametrize(
    ("name", "versions", "extra", "wrong"),
    [
        ("torch", {"torch": "2.13.0+cpu"}, "torch", ""),
        ("torch", {"torch": "2.13.0+cu126"}, "torch", ""),
        ("torch", {"torch": "2.12.0"}, "torch", "torch is 2.12.0, not ==2.13.0"),
        ("tf", {"tensorflow_cpu": "2.21.0", "keras": "3.15.1"}, "tf", ""),
        ("tf", {"tensorflow": "2.21.0", "keras": "3.15.1"}, "tf-cuda", ""),
        ("tf", {"tensorflow": "2.20.0", "keras": "3.15.1"}, "tf-cuda",
         "tensorflow is 2.20.0, not ==2.21.0"),
        ("tf", {}, "tf", "tensorflow-cpu is missing; keras is missing"),
        ("jax", ON_CPU, "jax", ""),
        ("jax", ON_GPU, "jax-cuda", ""),
        ("jax", {**ON_GPU, "jax": "0.9.1"}, "jax-cuda", "jax is 0.9.1, not ==0.9.2"),
    ],
)  # fmt: skip
def test_a_backend_needs_one_of_its_extras_and_no_others(name, versions, extra, wrong):
    of_it = asked_for(name, **versions)
    assert of_it.extras == (extra,)
    found = packages.check_pins(of_it)
    assert found.name == f"packages of {name}"
    assert found.found == wrong if wrong else found.state == "ok"
    assert packages.check_dependencies(of_it).state == "ok", "told once"


def test_what_make_setup_has_installed_is_what_is_asked_for(tmp_path):
    stamp = replace(stamps.new_stamp("jax", (3, 11)), extras=("jax-cuda",))
    stamps.write_stamp(tmp_path, stamp)
    of_it = asked_for("jax", tmp_path, **ON_CPU)
    assert of_it.extras == ("jax-cuda",)
    found = packages.check_dependencies(of_it)
    assert found.state == "problem" and "jax asks for jax-cuda13-plugin" in found.found


def test_a_backend_without_extras_needs_nothing():
    assert asked_for("new").extras == ()
    assert environment(("new",), requires={OWN: ASKED}).extras == ("harness",)


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({}, ""),
        ({"jaxlib": "0.9.1"}, "jax asks for jaxlib<=0.9.2,>=0.9.2: jaxlib is 0.9.1, "),
        ({"nvidia-cublas": "12.9"}, "jax-cuda13-plugin asks for nvidia-cublas>=13.0: "),
        ({"jax-cuda13-pjrt": "0.9.1"}, "jax-cuda13-plugin asks for jax-cuda13-pjrt==0.9.2: "),
    ],
)
def test_what_packages_need_themselves_is_looked_at_to_the_last(changed, wrong):
    found = packages.check_dependencies(asked_for("jax", **{**ON_GPU, **changed}))
    assert found.name == "what packages need of jax"
    assert found.found.startswith(wrong) if wrong else found.state == "ok"
    # Of another build nothing is needed.
    assert packages.check_dependencies(asked_for("jax", **ON_CPU)).state == "ok"


def test_this_environment_is_as_asked_for():
    """With its hundred packages, and JAX where it is installed."""
    names = interpreters.expected()
    [mine] = look(names) if all(map(interpreters.is_own, names)) else [environment()]
    assert packages.check_dependencies(mine).state == "ok"
    assert {"numpy", "PIL", "torch", "tensorflow", "keras"} <= mine.origins.keys()
    assert packages.check_origins(mine).state == "ok"
    assert ("jax" in mine.origins) is ("jax" in mine.serves)


@pytest.mark.parametrize(("version", "state"), [("3.11.7", "ok"), ("3.9.1", "problem")])
def test_python_is_within_the_range(version, state):
    of_it = environment(python_range="<3.13,>=3.10", python=version)
    assert packages.check_python(of_it).state == state


def test_files_that_two_packages_write_are_told_with_the_one_thing_that_helps(monkeypatch):
    shared = [{"packages": ["tensorflow", "tensorflow-cpu"], "files": 2, "different": 1,
               "example": "tensorflow/libtensorflow_cc.so.2"}]  # fmt: skip
    monkeypatch.delenv("CYCLEBENCH_PYTHON_TF", raising=False)
    spoilt = environment(("tf",), False, prefix="/x/.venv-tf", shared=shared)
    found = packages.check_shared_files(spoilt)
    assert found.state == "problem" and found.fix == "remove /x/.venv-tf, then `make setup`"
    of_jax = environment(("jax",), False, prefix="/x/.venv-jax", shared=shared)
    fix = packages.check_shared_files(of_jax).fix
    assert fix == "remove /x/.venv-jax, then `make setup BACKENDS=torch,tf,jax`"
    monkeypatch.setenv("CYCLEBENCH_PYTHON_TF", "/x/.venv-tf/bin/python")
    assert packages.check_shared_files(spoilt).fix.startswith("unset CYCLEBENCH_PYTHON_TF")
    same = environment(shared=[{**shared[0], "different": 0}])
    assert packages.check_shared_files(same).state == "ok"


def test_a_framework_from_elsewhere_is_told(tmp_path):
    found = packages.check_origins(environment(origins={"keras": str(tmp_path / "keras.py")}))
    assert found.state == "warning" and f"keras from {tmp_path}" in found.found


def test_a_module_in_front_of_its_package_is_found(tmp_path, monkeypatch):
    """As PYTHONPATH puts it there."""
    (tmp_path / "never_imported").mkdir()
    module = tmp_path / "never_imported" / "__init__.py"
    module.touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    record = installed.parse_record(
        "never_imported/__init__.py,,\nnever_imported/a/__init__.py,,\nx.py,,\n"
    )
    assert installed.origins_of(record) == {"never_imported": str(module)}


def test_the_environment_of_another_interpreter_describes_itself(tmp_path, monkeypatch):
    """A venv that is empty but for one package of the harness's name."""
    other = tmp_path / ".venv-tf"
    venv.create(other, symlinks=True)
    python = other / "bin" / "python"
    monkeypatch.setenv("CYCLEBENCH_PYTHON_TF", str(python))
    own = described()
    monkeypatch.setattr(environments.installed, "describe", lambda own_name, names: own)

    def checks():
        return {check.name: check for check in packages.check_packages(look(("torch", "tf")))}

    names = checks()
    assert names["packages"].state == "ok"
    assert names["cyclebench of tf"].state == "problem"
    folder = next(other.glob("lib/python3*/site-packages")) / "cyclebench-0.1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: cyclebench\nVersion: 0.1.0\nRequires-Python: >=3.10\n"
        "Requires-Dist: numpy==2.4.6\n"
    )
    names = checks()
    assert names["Python of tf"].state == "ok" and str(other) in names["Python of tf"].found
    assert names["packages of tf"].found == "numpy is missing"
    python.unlink()
    assert checks()["environment of tf"].fix.startswith("set CYCLEBENCH_PYTHON_TF to the Python of")


def test_the_build_for_gpus_is_the_one_that_is_installed_else_the_usual_one():
    torch, jax = backends.gpu_builds("torch"), backends.gpu_builds("jax")

    def found(name, **versions):
        return gpu_builds((name,), [asked_for(name, **versions)])[name]

    assert found("torch", torch="2.13.0") == torch[0] == found("torch", torch="2.13.0+cpu")
    assert found("torch", torch="2.13.0+cu126") == torch[1]
    assert found("jax", **ON_GPU) == jax[0] == found("jax", **ON_CPU)
    assert found("jax", **ON_CPU, jax_cuda12_pjrt="0.9.2") == jax[1]
    fault = Check("environment of jax", "problem", "", "x")
    assert gpu_builds(("jax", "tf"), [fault]) == {"jax": jax[0], "tf": backends.gpu_builds("tf")[0]}


def test_builds_of_which_facts_are_told_are_those_that_pyproject_asks_for():
    """A new release needs its facts read anew."""
    text = stamps.pyproject()
    for name in backends.available():
        for build in backends.gpu_builds(name):
            framework = backends.packages(name)[0]
            assert build.version in text and build.package.startswith(framework.partition("-")[0])


def test_a_description_is_json():
    assert json.loads(json.dumps(described())) == described()
