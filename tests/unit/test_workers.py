"""The parent's end of a process: what it hears, what it does not, and how it takes an end."""

from __future__ import annotations

import signal
import sys
import textwrap
import time
from contextlib import closing, suppress

import psutil
import pytest

from harness.processes import process
from harness.processes.process import Child
from harness.system.errors import UserError, WorkerFailed
from harness.training import worker_process

# Answers each command by running it.
MODULE = """
    import json, os, signal, sys, time
    first = json.loads(sys.stdin.readline())
    def say(**event):
        sys.stdout.write(json.dumps(event) + "\\n")
        sys.stdout.flush()
    exec(first["begin"])
    for line in sys.stdin:
        command = json.loads(line)
        exec(command["do"])
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    (tmp_path / "obedient.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def started(begin="say(ready=True)", patience=60.0):
        return Child("obedient", "one", tmp_path / "log.txt", {"begin": begin}, patience)

    return started


def test_commands_are_answered_one_by_one(child):
    with closing(child()) as one:
        assert one.begin == {"ready": True}
        # Two lines at once: the second is the answer to the next command.
        assert one.request(do="say(a=1); say(b=2)") == {"a": 1}
        assert one.request(do="pass") == {"b": 2}
        long = one.request(do="say(text='é' * 200000)")["text"]
        assert len(long) == 200000


def test_a_schedulers_signals_to_all_processes_of_a_job_end_no_worker(tmp_path, monkeypatch):
    """Their parent has them, too: it has its workers leave checkpoints first."""
    (tmp_path / "counting.py").write_text(
        "from harness.processes.child import run\n"
        "def serve(parent):\n"
        "    parent.send({})\n"
        "    for command in parent.commands():\n"
        "        parent.send({'twice': 2 * command['number']})\n"
        "run(serve)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with closing(Child("counting", "one", tmp_path / "log.txt", {}, 60.0)) as one:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            one._process.send_signal(number)
            assert one.request(number=number) == {"twice": 2 * number}


@pytest.mark.parametrize("last", ["finish", "stop"])
def test_one_that_was_told_to_end_is_let_end_and_takes_its_files_along(child, tmp_path, last):
    file = tmp_path / "temporary"
    file.touch()
    with closing(child()) as one:
        leave = f"say(step=1); time.sleep(0.3); os.unlink({str(file)!r}); sys.exit()"
        assert one.request(**{"do": leave, last: True}) == {"step": 1}
    assert not file.exists()


def test_one_that_does_not_end_as_told_is_ended(child, monkeypatch):
    monkeypatch.setattr(process, "LEAVING_SECONDS", 0.2)
    with closing(child()) as one:
        one.request(do="say(step=1); time.sleep(60)", finish=True)
    assert one._process.returncode == -9


def test_signs_of_life_are_no_answers_and_keep_a_slow_worker_alive(child):
    beats = "[(say(alive=True), time.sleep(0.1)) for _ in range(8)]; say(done=True)"
    with closing(child()) as one:
        one.patience = 0.6
        assert one.request(do=beats) == {"done": True}


def test_one_that_hangs_is_killed_and_said_to_have_done_nothing(child):
    with closing(child(patience=0.3)) as one:
        with pytest.raises(
            WorkerFailed, match=r"did nothing for 0 s and was killed; see"
        ) as failure:
            one.request(do="os.kill(os.getpid(), signal.SIGSTOP)")
        assert failure.value.fault == "silent"
        one._process.wait(10)


def test_one_that_does_not_read_what_it_is_sent_is_killed(child):
    with closing(child()) as one:
        one.patience = 0.2
        one._process.send_signal(signal.SIGSTOP)
        with pytest.raises(WorkerFailed, match="did nothing for 0 s"):
            one.exchange({"do": "pass"}, bytes(2**22))  # more than a pipe holds


def test_progress_comes_before_the_answer(child):
    with closing(child()) as one:
        events = one.events(do="say(alive=True, done=1); say(done=2); say(done=3)")
        assert [event["done"] for event in events] == [1, 2]


def test_what_python_prints_before_the_module_runs_is_no_event(child):
    with closing(child(begin="print('a banner'); say(ready=True)")) as one:
        assert one.begin == {"ready": True}


def test_a_temporary_log_stays_where_something_went_wrong(child, tmp_path, monkeypatch):
    monkeypatch.setattr(process.tempfile, "tempdir", str(tmp_path))
    for do, count in (("say(done=1)", 0), ("sys.exit('no such thing')", 1)):
        one = Child("obedient", "a b/c", None, {"begin": "say(ready=True)"}, 60.0)
        with closing(one), suppress(WorkerFailed):
            one.request(do=do)
        logs = list(tmp_path.glob("cyclebench-a-b-c-*.log"))
        assert len(logs) == count
    assert logs[0].read_text() == "no such thing\n"


def test_a_python_that_is_not_there_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("CYCLEBENCH_PYTHON_TORCH", str(tmp_path / "python"))
    with pytest.raises(UserError, match=r"^one: .*python does not start .No such file.*make setup"):
        Child("obedient", "one", tmp_path / "log.txt", {}, 60.0, "torch")


def test_what_it_has_started_ends_with_it(child, tmp_path):
    start = "import subprocess; say(pid=subprocess.Popen(['sleep', '60']).pid)"
    with closing(child()) as one:
        other = psutil.Process(one.request(do=start)["pid"])
    until = time.monotonic() + 10
    while other.is_running() and other.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.02)


CHILD = """
    import os, subprocess, sys
    from harness.processes.child import run
    from harness.system.errors import Diverged, UserError
    def serve(parent):
        print("of a framework")
        os.system("cat; echo of a program")
        parent.send(parent.first)
        for command in parent.commands():
            exec(command["do"])
    run(serve)
"""


@pytest.mark.parametrize(
    ("do", "kind", "says"),
    [
        ("raise UserError('a.csv: damaged')", UserError, "^a.csv: damaged$"),
        ("raise Diverged('at step 3')", WorkerFailed, "^one: at step 3; the traceback is in"),
        ("raise MemoryError", WorkerFailed, "^one: MemoryError.*lower training.batch_size"),
    ],
)
def test_the_childs_end_answers_refuses_and_fails(tmp_path, monkeypatch, do, kind, says):
    (tmp_path / "obedient.py").write_text(textwrap.dedent(CHILD))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    log = tmp_path / "log.txt"
    with closing(Child("obedient", "one", log, {"a": 1}, 60.0)) as one:
        assert one.begin == {"a": 1}
        assert one.request(do="parent.progress(); parent.send({'done': 1})") == {"done": 1}
        with pytest.raises(kind, match=says):
            one.request(do=do)
    assert log.read_text().startswith("of a framework\nof a program\n"), "prints go to the log"


def test_one_that_is_at_work_notices_that_it_is_told_something(tmp_path, monkeypatch):
    (tmp_path / "obedient.py").write_text(textwrap.dedent(CHILD))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with closing(Child("obedient", "one", tmp_path / "log.txt", {}, 60.0)) as one:
        look = "import time\nwhile not parent.alive(): time.sleep(0.01)\nparent.send({'told': 1})"
        one._write({"do": look})
        assert one.hear(0.3) is None
        one._write({"do": "parent.send({'next': 1})"})
        assert [one.hear(10), one.hear(10)] == [{"told": 1}, {"next": 1}]


@pytest.mark.parametrize(
    ("do", "says", "fault"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL.*log.txt", "died"),
        ("os.abort()", "SIGABRT", "died"),
        ("sys.exit(3)", "status 3", "died"),
        ("1 / 0", "ZeroDivisionError", "died"),
        ("say(failed='x; lower it', fault='memory')", "one: x; lower it; the traceback", "memory"),
        ("say(failed='x')", "one: x; the traceback is in", "error"),
    ],
)
def test_an_end_is_told_by_what_it_was(child, do, says, fault):
    with closing(child()) as one:
        with pytest.raises(WorkerFailed, match=says) as failure:
            one.request(do=do)
        assert failure.value.fault == fault


def test_input_that_a_worker_refuses_is_the_users(child):
    with pytest.raises(UserError, match=r"^a.csv: damaged$"):
        child(begin="say(refused='a.csv: damaged')")


def test_one_that_dies_before_it_is_asked_says_why(child):
    with pytest.raises(
        WorkerFailed, match=r"one: ended with status 1: ImportError: nowhere; see .*log.txt"
    ):
        child(begin="raise ImportError('nowhere')")


def test_an_interrupted_one_that_hangs_is_killed(child, monkeypatch):
    monkeypatch.setattr(worker_process, "STOP_SECONDS", 0.2)
    with closing(child()) as one:
        one._write({"do": "time.sleep(600)"})
        worker_process.Worker.interrupt(one)
        assert one._process.wait(10) == -9


def test_it_runs_in_the_python_of_its_backend(tmp_path, monkeypatch):
    (tmp_path / "obedient.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nTOLD="by the script" exec {sys.executable} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CYCLEBENCH_PYTHON_TORCH", str(script))
    begin = {"begin": "say(told=os.environ.get('TOLD'))"}
    for backend, told in (("torch", "by the script"), ("tf", None), (None, None)):
        one = Child("obedient", "one", tmp_path / "log.txt", begin, 60.0, backend)
        with closing(one):
            assert one.begin == {"told": told}


def test_bytes_go_along_with_lines(tmp_path, monkeypatch):
    """More than a pipe holds, in both directions, and what is left over is the next answer's."""
    (tmp_path / "echo.py").write_text(
        textwrap.dedent("""
        import json, sys
        sys.stdin.buffer.readline()
        print("{}", flush=True)
        for line in sys.stdin.buffer:
            content = sys.stdin.buffer.read(json.loads(line)["content"])[::-1]
            head = json.dumps({"content": len(content)}).encode()
            sys.stdout.buffer.write(head + b"\\n" + content)
            sys.stdout.buffer.flush()
        """)
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with closing(Child("echo", "echo", tmp_path / "log.txt", {}, 60.0)) as one:
        for content in (bytes(range(256)) * 20_000, b"", b"\n{}\n"):
            event, found = one.exchange({}, content)
            assert event == {"content": len(content)} and found == content[::-1]
