"""The sections of a GAN's configuration that are not a CycleGAN's."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from backends import gan
from backends.architecture import PositiveFloat, Weight
from backends.gan import GanModel, GanObjective
from backends.model import Rounding
from harness.config.metric_table import GAN_METRICS, GAN_PRIMARY, Metric
from harness.config.sections import ConfigSection, EvaluationSection


class GanModelSection(ConfigSection):
    """See backends.gan.GanModel."""

    noise: gan.Units = Field(default=GanModel.noise, strict=True)
    hidden: gan.Hidden = GanModel.hidden
    discriminator_hidden: gan.Hidden = GanModel.discriminator_hidden
    slope: Weight = GanModel.slope
    rounding: Rounding = GanModel.rounding
    initial_weights: Literal["normal", "glorot_uniform"] = "normal"


class GanObjectiveSection(ConfigSection):
    """See backends.gan.GanObjective."""

    adversarial: gan.GanLoss = GanObjective.adversarial
    clip: PositiveFloat = GanObjective.clip


class GanEvaluationSection(EvaluationSection):
    """As a CycleGAN's, with metrics of its own: samples are made, as many as test images of A."""

    margins: dict[str, PositiveFloat] = Field(
        default={metric.name: metric.margin for metric in GAN_METRICS}
    )
    primary: str = GAN_PRIMARY

    metrics: ClassVar[tuple[Metric, ...]] = GAN_METRICS
