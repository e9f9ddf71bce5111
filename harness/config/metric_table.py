"""What each metric is called, measured in and judged by. Data only: config and report import it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

# Which real images of the target domain translations are compared with in distributions.
Reals = Literal["test", "train", "both"]
OF_REALS: Mapping[str, str] = {
    "test": "",
    "train": " against training images",
    "both": " against training and test images",
}


@dataclass(frozen=True)
class Metric:
    """One row of the metric table. A shown number is `value * scale` with `digits` decimals.

    `margin`: default equivalence margin; the configuration may set another, before training. With
    `margin_scale` "difference" it is of the difference of two backends, in the value's own unit
    (not scaled); with "ratio" of their ratio, so that 1.25 stands for 0.80 to 1.25: distances
    differ by orders of magnitude between data sets, and an absolute margin would not travel.
    """

    name: str
    title: str
    unit: str
    better: Literal["lower", "higher"]
    family: Literal["distribution", "artefact", "class", "cycle", "pair"]
    scale: float
    digits: int
    margin: float
    margin_scale: Literal["ratio", "difference"] = "difference"

    def against(self, reals: str) -> Metric:
        """Titled by the real images compared with, as `evaluation.reals` has them: those of
        distributions, where they are not the default. Whoever shows recorded scores needs it."""
        if self.family != "distribution":
            return self
        return replace(self, title=self.title + OF_REALS[reals])

    def titled(self, images: int | None) -> str:
        """The title with the number of images in place of N, where that number matters."""
        return self.title.replace("@N", f"@{images}" if images else "@N")


METRICS: tuple[Metric, ...] = (
    Metric(
        "kid_efflite0", "KID-EffLite0", "x1000", "lower", "distribution", 1000.0, 1, 1.25, "ratio"
    ),
    Metric("fd_efflite0", "FD-EffLite0@N", "", "lower", "distribution", 1.0, 2, 1.25, "ratio"),
    Metric("fid", "FID@N", "", "lower", "distribution", 1.0, 1, 1.25, "ratio"),
    Metric("judge_accuracy", "Judge's accuracy", "%", "higher", "class", 100.0, 1, 0.02),
    Metric("checkerboard", "Checkerboard", "dB", "lower", "artefact", 1.0, 2, 1.0),
    Metric("cycle_psnr", "Cycle PSNR", "dB", "higher", "cycle", 1.0, 2, 0.5),
    Metric("cycle_ssim", "Cycle SSIM", "", "higher", "cycle", 1.0, 3, 0.02),
    Metric("pair_psnr", "PSNR to true pair", "dB", "higher", "pair", 1.0, 2, 0.5),
    Metric("pair_ssim", "SSIM to true pair", "", "higher", "pair", 1.0, 3, 0.02),
    Metric("pair_mae", "MAE to true pair", "of 255", "lower", "pair", 1.0, 2, 1.0),
)
# Of samples that a GAN makes out of noise: all by a judge (harness.metrics.gan_scores).
GAN_METRICS: tuple[Metric, ...] = (
    Metric(
        "kid_judge", "KID of the judge's features", "x1e6", "lower", "distribution", 1e6, 1, 1.25,
        "ratio",
    ),
    Metric("class_distance", "Classes unlike real ones", "%", "lower", "class", 100.0, 1, 0.05),
    Metric("clear_share", "As clear as real images", "%", "higher", "class", 100.0, 1, 0.05),
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in (*METRICS, *GAN_METRICS)}
PRIMARY, GAN_PRIMARY = "kid_efflite0", "kid_judge"
# Standard deviation over seeds of the log ratio of two equal backends' primary score, from which
# seeds are predicted before there are any: 0.06 to 0.22 was measured (docs/evaluation.md).
TYPICAL_SPREAD = 0.15


def margin_scale(evaluation: Mapping[str, Any], name: str) -> Literal["ratio", "difference"]:
    """What a metric's margin in a recorded `evaluation` section is of.

    Before there was a primary endpoint all margins were of differences.
    """
    return BY_NAME[name].margin_scale if "primary" in evaluation else "difference"
