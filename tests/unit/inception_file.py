"""Files of Inception weights that pass for the published one."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from harness.metrics import inception


def trust(patch, path):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    patch.setattr(inception, "INCEPTION", replace(inception.INCEPTION, weights_sha256=digest))


def kinds(tensors):
    return sorted(f"{name} {tuple(t.shape)} {t.dtype}" for name, t in tensors.items())
