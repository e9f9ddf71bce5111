"""A file of Inception weights is read where it is the published one, and refused otherwise."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from inception_file import kinds, trust

from harness.metrics import inception as module
from harness.system.errors import UserError

EXPECTED = {"a.weight": torch.zeros(2, 3), "a.count": torch.tensor(0)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.pth"


def refusal(path):
    with pytest.raises(UserError) as caught:
        module.read_tensors(path, EXPECTED)
    message = str(caught.value)
    assert (
        message.startswith(str(path))
        and "\n" not in message
        and "cyclebench fetch-weights" in message
    )
    return message


@pytest.mark.parametrize("zipped", [True, False])
def test_both_formats_of_pytorch_are_read(zipped, path, monkeypatch):
    torch.save(EXPECTED, path, _use_new_zipfile_serialization=zipped)
    trust(monkeypatch, path)
    assert kinds(module.read_tensors(path, EXPECTED)) == kinds(EXPECTED)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"a.weight": torch.zeros(2, 3)}, "no tensor 'a.count'"),
        ({**EXPECTED, "b.weight": torch.zeros(1)}, "unexpected 'b.weight'"),
        (
            {**EXPECTED, "a.weight": torch.zeros(3, 2)},
            "'a.weight' is float32 (3, 2), expected float32 (2, 3)",
        ),
        ({**EXPECTED, "a.count": torch.tensor(0.0)}, "'a.count' is float32"),
        ({**EXPECTED, "a.weight": 1.0}, "'a.weight' is float, expected"),
        ([torch.zeros(2, 3)], "a list, not tensors by name"),
    ],
)
def test_other_tensors_are_refused_by_name(content, problem, path, monkeypatch):
    torch.save(content, path)
    trust(monkeypatch, path)
    assert problem in refusal(path)


def test_another_checksum_is_refused_before_anything_is_read(path, monkeypatch):
    torch.save(EXPECTED, path)
    monkeypatch.setattr(torch, "load", lambda *a, **k: pytest.fail("it was read"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert f"sha256 {digest}, expected {module.INCEPTION.weights_sha256}" in refusal(path)


def test_a_truncated_file_is_refused(path, monkeypatch):
    torch.save(EXPECTED, path)
    path.write_bytes(path.read_bytes()[:-100])
    trust(monkeypatch, path)
    assert "no file of tensors" in refusal(path)


class Trap:
    """Unpickling it runs code."""

    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return Path.touch, (self.proof,)


def test_no_code_in_a_file_is_run_even_if_its_checksum_is_right(path, tmp_path, monkeypatch):
    proof = tmp_path / "proof"
    torch.save({"a.weight": Trap(proof)}, path)
    torch.load(path, weights_only=False)
    assert proof.exists(), "the trap works"
    proof.unlink()
    trust(monkeypatch, path)
    assert "UnpicklingError" in refusal(path)
    assert not proof.exists()


def test_a_missing_file_and_none_are_refused(tmp_path):
    assert "No such file" in refusal(tmp_path / "absent.pth")
    with pytest.raises(UserError, match="fetch-weights"):
        module.load_extractor(None)
