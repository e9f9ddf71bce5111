"""Finds calls and imports that would run what a file says, or open this machine to others."""

from __future__ import annotations

import ast
from collections.abc import Iterator

# Modules that unpickle, build code or run a shell, and modules that listen.
IMPORTS = frozenset({
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "code",
    "codeop", "pty", "commands", "http.server", "socketserver", "xmlrpc.server", "wsgiref",
    "multiprocessing.managers", "multiprocessing.connection", "asyncio",
})  # fmt: skip
BUILTINS = frozenset({"eval", "exec", "compile", "__import__", "input", "breakpoint"})
CALLS = frozenset({
    "os.system", "os.popen", "os.spawnl", "os.spawnv", "os.execl", "os.execv", "os.execvp",
    "subprocess.getoutput", "subprocess.getstatusoutput", "builtins.eval", "builtins.exec",
    "runpy.run_path", "runpy.run_module", "pandas.read_pickle", "pandas.eval", "tempfile.mktemp",
    "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.full_load_all", "yaml.unsafe_load",
    "yaml.unsafe_load_all", "yaml.Loader", "yaml.FullLoader", "yaml.UnsafeLoader", "yaml.CLoader",
    "yaml.CFullLoader", "yaml.CUnsafeLoader", "socket.create_server",
    "torch.jit.load", "torch.hub.load", "torch.package.PackageImporter",
    "ssl._create_unverified_context",
    "tensorflow.saved_model.load", "tensorflow.keras.models.load_model", "keras.models.load_model",
    "keras.saving.load_model", "keras.config.enable_unsafe_deserialization",
})  # fmt: skip
# Function -> the argument that must be there, with this value.
NEEDED = {
    "torch.load": ("weights_only", True),
    "numpy.load": ("allow_pickle", False),
    "numpy.lib.format.read_array": ("allow_pickle", False),
}
# Of any function that has it: this argument must not be true, nor be decided at run time.
NEVER = ("shell", "allow_pickle", "trust_remote_code")
# Of any object: a method that only servers have.
METHODS = frozenset({"listen", "serve_forever", "bind"})


def forbidden(source: str) -> list[str]:
    """A line for each finding, "12: why"; none where all is well."""
    tree = ast.parse(source)
    return [f"{node.lineno}: {why}" for node, why in _findings(tree, _names(tree))]


def _findings(tree: ast.AST, names: dict[str, str]) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((node, f"imports {name}") for name in _imported(node) if _is_banned(name))
        elif isinstance(node, ast.Call):
            yield from ((node, why) for why in _of_call(node, names))
        elif isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            # Also one that is only passed on.
            name = _dotted(node, names)
            if name in CALLS or (name in BUILTINS and isinstance(node, ast.Name)):
                yield node, f"uses {name}"


def _of_call(node: ast.Call, names: dict[str, str]) -> Iterator[str]:
    name = _dotted(node.func, names)
    given = {each.arg: each.value for each in node.keywords if each.arg}
    if name in NEEDED:
        argument, value = NEEDED[name]
        if not _is(given.get(argument), value):
            yield f"{name} without {argument}={value}"
    for argument in NEVER:
        if argument in given and not _is(given[argument], False):
            yield f"{argument} is not False"
    if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        yield f"listens: .{node.func.attr}()"


def _is(node: ast.expr | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _is_banned(name: str) -> bool:
    return any(name == banned or name.startswith(f"{banned}.") for banned in IMPORTS)


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    # `from http import server` is as good as `import http.server`.
    return [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]


def _names(tree: ast.AST) -> dict[str, str]:
    """What a name in the file stands for: `np` for numpy, `system` for os.system."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {each.asname: each.name for each in node.names if each.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return found


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    """`np.load` as numpy.load; "" for what is no chain of names."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([names.get(node.id, node.id), *reversed(parts)])
