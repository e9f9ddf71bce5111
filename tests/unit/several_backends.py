"""Experiment folders of several backends, with ratios of their scores that are known."""

import numpy as np
from report_experiment import build, editing

BACKENDS = ("torch", "tf", "jax")


def folder_with(folder, ratios, seeds=range(5), spread=0.02, backends=BACKENDS, **more):
    """`ratios`: by backend, of KID over the first's; one, or one a direction. Noise of `spread`."""
    build(folder, seeds=seeds, backends=backends, **more)
    with editing(folder / "experiment.json") as record:
        evaluation = record["configuration"]["evaluation"]
        evaluation["primary"] = "kid_efflite0"
        evaluation["margins"] |= dict.fromkeys(("kid_efflite0", "fd_efflite0", "fid"), 1.25)
    rng = np.random.default_rng(0)
    with editing(folder / "metrics.json") as record:
        for row in record["scores"]:
            if row["metric"] == "kid_efflite0":
                ratio = np.broadcast_to(ratios.get(row["backend"], 1.0), 2)
                factor = float(ratio[("ab", "ba").index(row["direction"])])
                row["value"] = factor * float(rng.normal(1.0, spread))
                row["low"], row["high"] = row["value"] * 0.95, row["value"] * 1.05
    return folder
