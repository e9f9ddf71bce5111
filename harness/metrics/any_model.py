"""Scores by the kind of model that an experiment has trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.metrics.evaluate import Known, evaluate
from harness.metrics.features import Report
from harness.metrics.gan_scores import evaluate_gan
from harness.system.files import read_json

OF_KIND: Mapping[str, Callable[..., dict[str, Any]]] = {"cyclegan": evaluate, "gan": evaluate_gan}


def evaluate_any(experiment: Path, report: Report, known: Known | None = None) -> dict[str, Any]:
    """As `harness.metrics.evaluate.evaluate`, whatever the kind."""
    configuration = read_json(experiment / "experiment.json").get("configuration", {})
    return OF_KIND.get(str(configuration.get("kind")), evaluate)(experiment, report, known)
