"""Variables of the environment that change how fast something is computed, or its last bits.

Those that would change what is computed a backend does without: `backends.without_overrides`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import backends
from backends.releases import Variable

# Of several frameworks' libraries; those of one framework are its backend's.
VARIABLES = (
    Variable("ONEDNN_MAX_CPU_ISA", lambda value: value.upper() not in ("DEFAULT", "ALL"),
             "oneDNN is then kept from the processor's faster instructions"),
    Variable("DNNL_MAX_CPU_ISA", lambda value: value.upper() not in ("DEFAULT", "ALL"),
             "oneDNN is then kept from the processor's faster instructions"),
    Variable("MKL_CBWR", str.strip,
             "MKL is then kept from the processor's faster instructions, other libraries are not"),
    Variable("XLA_FLAGS", str.strip,
             "options of XLA, which some frameworks compile with and others do not"),
    Variable("CUDA_LAUNCH_BLOCKING", lambda value: value != "0",
             "every operation on a GPU is then waited for: nothing timed is worth anything"),
    Variable("OMP_WAIT_POLICY", lambda value: value.upper() == "ACTIVE",
             "threads of one framework then wait spinning, while another has its turn"),
    Variable("OMP_THREAD_LIMIT", str.strip,
             "backends whose threads are OpenMP's then have fewer than they are given"),
    Variable("OMP_PROC_BIND", lambda value: value.lower() != "false",
             "threads of OpenMP then stay on one core, those of other backends do not"),
    Variable("GOMP_CPU_AFFINITY", str.strip,
             "threads of OpenMP then stay on one core, those of other backends do not"),
    Variable("KMP_AFFINITY", lambda value: value.lower() not in ("none", "disabled"),
             "threads of OpenMP then stay on one core, those of other backends do not"),
    Variable("LD_PRELOAD", str.strip,
             "another library, such as an allocator, comes before those that frameworks expect"),
)  # fmt: skip


def mattering(names: Iterable[str], environment: Mapping[str, str]) -> list[tuple[Variable, str]]:
    """Those that are set and matter, of all and of the backends `names`, with their values."""
    of_backends = [variable for name in names for variable in backends.variables(name)]
    known = {variable.name: variable for variable in (*VARIABLES, *of_backends)}
    values = ((variable, environment.get(name, "")) for name, variable in known.items())
    return [(variable, value) for variable, value in values if value and variable.matters(value)]
