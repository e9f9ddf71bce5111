"""A defect in a backend is the first sentence of a report, in red."""

from __future__ import annotations

from defects import DEFECTS

from harness.config.load import load_experiment
from harness.records.evidence import parity_climbs
from harness.report.comparison.evidence import Evidence, evidence_answers
from harness.report.comparison.function_evidence import parity_sentence
from harness.studies.parity import check, climb, parity_record, write_parity
from harness.studies.parity.backend_cache import BackendCache

[DEFECT] = [one for one in DEFECTS if (one.backend, one.name) == ("tf", "norm epsilon 1e-3")]


def test_a_planted_defect_is_the_first_sentence(monkeypatch, eager, rows, healthy, tmp_path):
    cache = BackendCache(healthy.case, healthy.names)
    cache.adopt(healthy, ["torch"])
    DEFECT.plant(monkeypatch)
    titles = {"torch": "PyTorch", "tf": "TensorFlow"}
    climbed = []
    for row in climb(cache):  # no further than its first breach
        climbed.append(row)
        if not row.passed:
            break
    # A process of its own would not have the defect.
    monkeypatch.setattr(check, "check_case", lambda *_: (climbed, titles))
    monkeypatch.setenv("CYCLEBENCH_CACHE", str(tmp_path))
    experiment = load_experiment("seasons", "smoke", [])
    write_parity(tmp_path, parity_record(experiment, ("torch", "tf"), "cpu", lambda *_: None))
    evidence = Evidence(tuple(parity_climbs(tmp_path / "parity.json")), ())
    sentence = parity_sentence(evidence.climbs[0])
    assert sentence.startswith("PyTorch and TensorFlow do not compute the same function: ")
    assert f"the first in rung {DEFECT.rung.label}: tf, " in sentence
    [answer] = evidence_answers(None, evidence)
    assert answer.tone == "no" and answer.short.startswith("No: ")
    assert DEFECT.rung.label in answer.short
