"""The networks whose features scores rest on. Data only: each is loaded in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Extractor:
    """What decides a feature vector, besides the image (docs/evaluation.md).

    `module` has `load_extractor(weights)`, which gives a function from uint8 (N, H, W, 3) to
    float32 (N, `dimensions`). `preprocessing` names all that is done to the image: change the one,
    change the other. `backend`: whose Python has what the module imports.
    """

    name: str
    module: str
    dimensions: int
    weights_sha256: str
    preprocessing: str
    backend: str = "torch"


EFFICIENTNET = Extractor(
    name="efficientnet-lite0",
    module="harness.metrics.efficientnet",
    dimensions=1280,
    weights_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    preprocessing="rgb-pil_bicubic_224-minus127over128",
)
INCEPTION = Extractor(
    name="inception-2015-12-05",
    module="harness.metrics.inception",
    dimensions=2048,
    weights_sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    preprocessing="rgb-tf1_bilinear_299-minus128over128",
)
EXTRACTORS = {extractor.name: extractor for extractor in (EFFICIENTNET, INCEPTION)}
