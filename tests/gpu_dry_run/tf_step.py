"""What TensorFlow would do in a training step on a GPU, read off the traced graph."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import tensorflow as tf
from settings import Setting
from tensorflow.core.protobuf import (
    config_pb2,
    device_properties_pb2,
    meta_graph_pb2,
    rewriter_config_pb2,
)
from tensorflow.python.framework import kernels
from tensorflow.python.grappler import cluster, tf_optimizer

from backends.tf_impl import device
from backends.tf_impl.backend import Backend

GPU = "/job:localhost/replica:0/task:0/device:GPU:0"
# What the layout pass asks of a GPU: its generation, and what TensorFlow was built for.
ARCHITECTURES = {"float32": "8.0", "bfloat16": "9.0"}
# What changes variables, and so has to be there when a graph is optimised.
EFFECTS = ("ResourceApplyAdam", "ResourceScatterUpdate", "AssignAddVariableOp", "AssignVariableOp")


@dataclass
class Counts:
    """Of one step. `without_kernel`: operations that a GPU has none for, by name and type."""

    operations: int = 0
    norms: int = 0
    norm_gradients: int = 0
    transposes_traced: int = 0
    transposes: int = 0
    without_kernel: dict[str, int] = field(default_factory=dict)
    by_name: Counter = field(default_factory=Counter)
    formats: Counter = field(default_factory=Counter)


def traced(setting: Setting) -> Any:
    """The step as TensorFlow traces it, with the ways that a GPU is given."""
    with mock.patch.object(device, "configure", lambda runtime: "/CPU:0"):
        backend = Backend(setting.model(), setting.objective(), setting.runtime("cuda"))
    return backend._step.get_concrete_function(backend._tensors(setting.batch()))


def has_kernel(node: Any, registered: dict[str, Any]) -> bool:
    """Whether one for GPUs, or for any device, takes the types of `node`."""
    if node.op not in registered:
        found = kernels.get_registered_kernels_for_op(node.op).kernel
        registered[node.op] = [each for each in found if each.device_type in ("GPU", "DEFAULT")]
    return any(
        all(
            set(types(node.attr[each.name])) <= set(each.allowed_values.list.type)
            for each in kernel.constraint
            if each.name in node.attr
        )
        for kernel in registered[node.op]
    )


def types(attribute: Any) -> list[int]:
    return list(attribute.list.type) or [attribute.type]


def optimised(function: Any, architecture: str) -> Any:
    """The graph as Grappler leaves it for one GPU, with what it does by default."""
    graph = function.graph.as_graph_def(add_shapes=True)
    for node in graph.node:
        node.device = GPU
    meta = meta_graph_pb2.MetaGraphDef()
    meta.graph_def.CopyFrom(graph)
    wanted = [tensor.op.name for tensor in function.outputs]
    wanted += [each.name for each in function.graph.get_operations() if each.type in EFFECTS]
    kept = meta_graph_pb2.CollectionDef()
    kept.node_list.value.extend(wanted)
    meta.collection_def["train_op"].CopyFrom(kept)
    devices = []
    for kind in ("CPU", "GPU"):
        named = device_properties_pb2.NamedDevice()
        named.name = GPU.replace("GPU", kind)
        named.properties.type = kind
        if kind == "GPU":
            named.properties.environment.update(architecture=architecture, cuda="12050", cudnn="9")
            named.properties.num_cores, named.properties.frequency = 80, 1500
            named.properties.memory_size = 16 << 30
        devices.append(named)
    config = config_pb2.ConfigProto()
    options = config.graph_options.rewrite_options
    options.min_graph_nodes = -1
    options.fail_on_optimizer_errors = True
    options.layout_optimizer = rewriter_config_pb2.RewriterConfig.ON
    return tf_optimizer.OptimizeGraph(
        config, meta, verbose=False, graph_id=b"step", cluster=cluster.Cluster(devices=devices)
    )


def count(setting: Setting) -> Counts:
    function = traced(setting)
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    counts, registered = Counts(), {}
    missing: Counter = Counter()
    for node in nodes:
        if not has_kernel(node, registered):
            missing[f"{node.op} {tf.dtypes.as_dtype(node.attr['T'].type or 1).name}"] += 1
    counts.without_kernel = dict(missing)
    counts.transposes_traced = sum(node.op == "Transpose" for node in nodes)
    left = optimised(function, ARCHITECTURES[setting.precision]).node
    counts.by_name = Counter(node.op for node in left)
    free = ("Const", "Placeholder", "Identity", "NoOp", "Reshape", "Shape", "StridedSlice")
    counts.operations = sum(number for op, number in counts.by_name.items() if op not in free)
    counts.norms = counts.by_name["FusedBatchNormV3"]
    counts.norm_gradients = counts.by_name["FusedBatchNormGradV3"]
    counts.transposes = counts.by_name["Transpose"]
    counts.formats = Counter(
        f"{node.op} {node.attr['data_format'].s.decode()}"
        for node in left
        if node.op in ("Conv2D", "FusedBatchNormV3", "FusedBatchNormGradV3")
    )
    return counts
