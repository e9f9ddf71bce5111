"""Nothing that is read is run: no pickle, eval, shell or unsafe loader; and nobody listens."""

from __future__ import annotations

from pathlib import Path

import pytest
from forbidden_calls import forbidden

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("backends", "benchmarks", "harness")
    for path in (ROOT / folder).rglob("*.py")
)


def test_the_sources_have_nothing_of_the_kind() -> None:
    assert len(SOURCES) > 100
    found = {
        str(path.relative_to(ROOT)): findings
        for path in SOURCES
        if (findings := forbidden(path.read_text("utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import pickle as p",
        "from pickle import loads",
        "import marshal, json",
        "def f():\n    import shelve",
        "from http import server",
        "import http.server",
        "import socketserver",
        "eval('1')",
        "f = eval",
        "exec(text)",
        "compile(text, 'x', 'exec')",
        "__import__(name)",
        "from builtins import exec as run\nrun(text)",
        "import os\nos.system('ls')",
        "from os import system\nsystem('ls')",
        "import os as o\no.popen('ls')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import subprocess\nsubprocess.Popen('ls', shell=flag)",
        "from subprocess import run\nrun('ls', shell=1)",
        "import subprocess\nsubprocess.getoutput('ls')",
        "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)",
        "import yaml\nyaml.unsafe_load(text)",
        "from yaml import full_load\nfull_load(text)",
        "import yaml\nloader = yaml.FullLoader(text)",
        "import numpy as np\nnp.load(path)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "from numpy import load\nload(path, allow_pickle=sure)",
        "import numpy as np\nnp.lib.format.read_array(file)",
        "import pandas as pd\npd.read_pickle(path)",
        "import torch\ntorch.load(path)",
        "import torch\ntorch.load(path, weights_only=False)",
        "from torch import load as get\nget(path)",
        "import torch\ntorch.hub.load('x', 'y')",
        "import socket\nwith socket.socket() as s:\n    s.bind(('', 80))",
        "import socket\nsocket.create_server(('', 80))",
        "server.serve_forever()",
        "import runpy\nrunpy.run_path(path)",
    ],
)
def test_each_of_these_would_be_found(source: str) -> None:
    assert forbidden(source)


@pytest.mark.parametrize(
    "source",
    [
        "import re\nre.compile('x')",
        "import torch\ntorch.compile(model)\nmodel.eval()",
        "import yaml\nyaml.safe_load(text)\nyaml.SafeLoader(text)",
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "import torch\ntorch.load(path, map_location='cpu', weights_only=True)",
        "import subprocess\nsubprocess.run(['ls'], shell=False)",
        "from importlib import import_module\nimport_module(f'harness.data.{name}')",
        "frame.eval_columns, self.exec, job.compile",
        "import json\njson.load(file)",
    ],
)
def test_and_none_of_these(source: str) -> None:
    assert forbidden(source) == []
