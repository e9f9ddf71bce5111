"""What XLA makes of a training step in JAX for a GPU that is not there: its program alone."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import topologies
from settings import Setting

from backends.jax_impl import device, weights
from backends.jax_impl.backend import Backend

# As XLA describes an H100, for any compute capability: without a GPU nothing is chosen by speed.
TARGET = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 threads_per_core_limit: 2048
  shared_memory_per_block: 49152 shared_memory_per_core: 233472
  shared_memory_per_block_optin: 232448 registers_per_core_limit: 65536
  registers_per_block_limit: 65536 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98
  device_memory_size: 84929347584 cuda_compute_capability { major: %d }
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 8 }
runtime_version { major: 12 minor: 8 }
device_description_str: "a GPU"
"""
# A result, its type and shape, and the operation that it is of.
RESULT = re.compile(r"= \(?(\w+)\[([\d,]*)\][^=]*? ([a-z][a-z\-]*)\(")


@dataclass(frozen=True)
class Program:
    """Of one step. `started`: kernels and calls of cuDNN that the device is given, by kind."""

    text: str
    started: Counter
    state_bytes: int
    kept_bytes: int  # of the state, written where it was
    work_bytes: int  # besides

    def results(self, operation: str) -> list[tuple[str, int]]:
        """Type and number of elements of every result of `operation`, also inside of kernels."""
        return [
            (kind, math.prod(int(side) for side in shape.split(",") if side))
            for kind, shape, name in RESULT.findall(self.text)
            if name == operation
        ]

    @property
    def calls(self) -> list[str]:
        """Lines of calls of cuDNN."""
        return [line for line in self.text.splitlines() if 'target="__cudnn$' in line]


@cache
def gpu(major: int) -> Any:
    """A device of compute capability `major`.0."""
    topology = topologies.get_topology_desc(
        platform="cuda", target_config=TARGET % major, topology="1x1x1"
    )
    return jax.sharding.SingleDeviceSharding(topology.devices[0])


def compiled(
    setting: Setting, major: int, options: dict[str, Any] | None = None, **changes: Any
) -> Program:
    """The step of `setting` for a GPU of compute capability `major`.0.

    `options`: in place of what the backend tells XLA. `changes`: to the runtime.
    """
    runtime = replace(setting.runtime("cuda"), **changes)
    host, to_tensor = jax.devices("cpu")[0], device.to_tensor
    # The table of levels lies on the host, and goes into the program as numbers.
    table = lambda images, levels: to_tensor(images, jnp.asarray(np.asarray(levels)))  # noqa: E731
    with (
        mock.patch.object(device, "configure", lambda runtime: host),
        mock.patch.object(device, "to_tensor", table),
        device.settings(runtime, host),
    ):
        backend = Backend(setting.model(), setting.objective(), runtime)
        state = {
            name: jax.ShapeDtypeStruct(shape, backend.dtype, sharding=gpu(major))
            for name, shape in weights.everything(backend.trainer).items()
        }
        given = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(
                x.shape, jax.dtypes.canonicalize_dtype(x.dtype), sharding=gpu(major)
            ),
            backend._begin(setting.batch()),
        )
        step = backend._step.lower(state, *given)
        found = step.compile(compiler_options=options)
    text, memory = found.as_text(), found.memory_analysis()
    entry = text[text.index("\nENTRY") :]
    started = Counter(kind for _, _, kind in RESULT.findall(entry))
    return Program(
        text,
        Counter({kind: started[kind] for kind in ("fusion", "custom-call", "copy")}),
        sum(math.prod(each.shape) * each.dtype.itemsize for each in state.values()),
        memory.alias_size_in_bytes,
        memory.temp_size_in_bytes,
    )
