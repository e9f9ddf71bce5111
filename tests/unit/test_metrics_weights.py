"""Inception weights are found, copied or fetched whole; without internet little time is lost."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from harness.metrics import weights as module
from harness.metrics.weights import FILE_NAME, fetch_weights, find_weights, try_once
from harness.system.errors import UserError

CONTENT = bytes(range(256)) * 2048  # 0.5 MiB, in the place of 96 MB
PUBLISHED = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
TORCH_FIDELITY = "weights-inception-2015-12-05-6726825d.pth"


@pytest.fixture(autouse=True)
def cache(own_cache, tmp_path, monkeypatch):
    """An empty cache, PyTorch's empty too, no mirror, and a published file that is short."""
    for name in ("CYCLEBENCH_OFFLINE", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1,weights.invalid")
    monkeypatch.setattr(module, "SIZE", len(CONTENT))
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(module, "URL", "http://no.mirror.and.no.test.may.ask.invalid/")
    return own_cache / "weights"


@pytest.fixture
def mirror(mirror):
    """It has the file."""
    mirror.files[f"/{FILE_NAME}"] = CONTENT
    return mirror


@pytest.fixture
def blocked_resolver(monkeypatch):
    """Names are looked up for ever, as where a firewall drops every packet."""
    released = threading.Event()

    def block(*arguments, **options):
        released.wait(60)
        raise OSError("released")

    monkeypatch.setattr(socket, "getaddrinfo", block)
    monkeypatch.setenv("CYCLEBENCH_MIRROR", "http://weights.invalid")
    yield
    released.set()


def put(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def fetch(source=None):
    lines = []
    return fetch_weights(source, lines.append, None), lines


def attempt():
    lines = []
    return try_once(lines.append, None), lines


def refusal(call):
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_the_published_file_is_the_one_scores_are_cached_under(monkeypatch):
    monkeypatch.undo()
    assert module.SHA256 == PUBLISHED
    assert module.SIZE == 95_628_359
    assert PUBLISHED.startswith(Path(FILE_NAME).stem.rpartition("-")[2])
    assert module.URL.startswith("https://github.com/mseitzer/pytorch-fid/releases/")
    assert module.URL.endswith(f"/{FILE_NAME}")


@pytest.fixture
def torch_cache(tmp_path):
    """PyTorch's cache, where none of its variables is set."""
    return tmp_path / "home/.cache/torch/hub/checkpoints"


def test_our_cache_comes_first(cache, torch_cache):
    put(torch_cache / FILE_NAME)
    ours = put(cache / FILE_NAME)
    assert find_weights() == ours


@pytest.mark.parametrize("name", [FILE_NAME, TORCH_FIDELITY])
@pytest.mark.parametrize(
    ("variable", "value", "folder"),
    [
        ("TORCH_HOME", "{0}/elsewhere", "elsewhere/hub/checkpoints"),
        ("TORCH_HOME", "~/mine", "home/mine/hub/checkpoints"),
        ("XDG_CACHE_HOME", "{0}/xdg", "xdg/torch/hub/checkpoints"),
        ("TORCH_HOME", "", "home/.cache/torch/hub/checkpoints"),
    ],
)
def test_what_other_programs_downloaded_is_found(
    variable, value, folder, name, tmp_path, monkeypatch
):
    monkeypatch.setenv(variable, value.format(tmp_path))
    assert find_weights() is None
    path = put(tmp_path / folder / name)
    assert find_weights() == path


@pytest.mark.parametrize(
    "content",
    [b"", CONTENT[:-1], CONTENT + b"x", CONTENT[::-1]],
    ids=["empty", "truncated", "longer", "other bytes"],
)
def test_a_damaged_file_is_passed_over_for_a_sound_one(content, cache, torch_cache):
    put(cache / FILE_NAME, content)
    assert find_weights() is None
    sound = put(torch_cache / FILE_NAME)
    assert find_weights() == sound


def test_a_folder_and_a_dead_link_are_passed_over(cache):
    (cache / FILE_NAME).mkdir(parents=True)
    assert find_weights() is None
    (cache / FILE_NAME).rmdir()
    (cache / FILE_NAME).symlink_to(cache / "gone")
    assert find_weights() is None


def test_an_unchanged_file_is_read_once_and_a_changed_one_again(cache):
    path = put(cache / FILE_NAME)
    module._sha256.cache_clear()
    for _ in range(3):
        assert find_weights() == path
    assert module._sha256.cache_info().misses == 1
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(1, 1))
    assert find_weights() is None


def test_a_file_of_the_wrong_size_is_not_read(cache, monkeypatch):
    put(cache / FILE_NAME, CONTENT[:-1])
    monkeypatch.setattr(module, "file_sha256", lambda path: pytest.fail("it was read"))
    assert find_weights() is None


def test_a_file_is_copied_and_then_found(cache, tmp_path):
    put(cache / FILE_NAME, b"damaged")
    source = put(tmp_path / "stick" / "any name.pth")
    path, lines = fetch(source)
    assert path == find_weights() == cache / FILE_NAME
    assert path.read_bytes() == CONTENT
    assert names(cache) == [FILE_NAME]
    assert len(lines) == 1 and str(source) in lines[0]


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path):
    put(tmp_path / "home" / FILE_NAME)
    assert fetch(Path("~") / FILE_NAME)[0] == find_weights()


def test_a_copy_that_breaks_off_leaves_nothing(cache, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    source = put(tmp_path / "source")
    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in refusal(lambda: fetch(source))
    assert names(cache) == []


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[::-1]], ids=["truncated", "other"])
def test_another_file_is_refused_with_both_checksums(content, cache, tmp_path):
    source = put(tmp_path / "source", content)
    message = refusal(lambda: fetch(source))
    assert str(source) in message
    assert hashlib.sha256(content).hexdigest() in message and module.SHA256 in message
    assert f"{len(content)} bytes" in message and f"{len(CONTENT)} bytes" in message
    assert names(cache) == []


def test_a_file_of_more_than_twice_the_size_is_refused_unread(cache, tmp_path, monkeypatch):
    source = put(tmp_path / "source", CONTENT * 2 + b"x")
    monkeypatch.setattr(module, "file_sha256", lambda path: pytest.fail("it was read"))
    message = refusal(lambda: fetch(source))
    assert f"{2 * len(CONTENT) + 1} bytes, expected {len(CONTENT)}; damaged" in message


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir], ids=["absent", "folder"])
def test_no_file_is_refused(make, tmp_path):
    make(tmp_path / "source")
    assert "no such file" in refusal(lambda: fetch(tmp_path / "source"))


def test_what_is_there_is_not_fetched(cache, torch_cache, mirror, tmp_path):
    present = put(torch_cache / TORCH_FIDELITY)
    put(cache / ".tried", b"")
    for source in (None, tmp_path / "absent"):
        path, lines = fetch(source)
        assert path == present
        assert len(lines) == 1 and "already" in lines[0] and str(present) in lines[0]
    assert mirror.requests == [] and names(cache) == [], "the note is gone, too"


def test_a_download_is_reported_and_found(cache, mirror):
    lines = []
    seen = []
    path = fetch_weights(None, lines.append, lambda *progress: seen.append(progress))
    assert path == find_weights() == cache / FILE_NAME
    assert names(cache) == [FILE_NAME]
    assert len(lines) == 1 and f"{mirror.url}/{FILE_NAME}" in lines[0] and "1 MB" in lines[0]
    assert seen[-1] == ("Inception weights", len(CONTENT), len(CONTENT))


def test_the_publisher_is_asked_where_no_mirror_is_named(cache, mirror, monkeypatch):
    monkeypatch.setenv("CYCLEBENCH_MIRROR", "")
    monkeypatch.setattr(module, "URL", f"{mirror.url}/{FILE_NAME}")
    assert fetch()[0].read_bytes() == CONTENT


def test_a_second_call_continues_a_broken_download(cache, mirror, monkeypatch):
    monkeypatch.setattr("harness.data.download.time.sleep", lambda seconds: None)
    mirror.drops = [1000] * 4
    message = refusal(fetch)
    assert "broke off after 4000 of" in message and "cyclebench fetch-weights PATH" in message
    assert names(cache) == [f"{FILE_NAME}.part"]
    assert find_weights() is None
    assert fetch()[0].read_bytes() == CONTENT
    assert mirror.requests[-1][1] == "bytes=4000-"
    assert names(cache) == [FILE_NAME]


@pytest.mark.parametrize(
    "content", [CONTENT[:-1], CONTENT[::-1], CONTENT + b"x"], ids=["truncated", "other", "longer"]
)
def test_a_download_of_another_file_is_refused(content, cache, mirror):
    mirror.files[f"/{FILE_NAME}"] = content
    message = refusal(fetch)
    assert mirror.url in message and FILE_NAME in message
    assert names(cache) == []


def test_a_cache_that_cannot_be_written_is_explained(cache, mirror):
    put(cache.parent, b"a file where the folder should be")
    assert "CYCLEBENCH_CACHE" in refusal(fetch)
    path, lines = attempt()
    assert path is None and len(lines) == 2 and "FID will not be computed" in lines[1]


def test_trying_gives_what_is_there_even_offline(cache, monkeypatch):
    monkeypatch.setenv("CYCLEBENCH_OFFLINE", "1")
    put(cache / ".tried", b"")
    path = put(cache / FILE_NAME)
    assert attempt() == (path, [])


def test_trying_downloads_where_there_is_internet(cache, mirror):
    path, lines = attempt()
    assert path == find_weights() == cache / FILE_NAME
    assert len(lines) == 1 and "downloading" in lines[0]
    assert names(cache) == [FILE_NAME]
    assert [asked for _, asked in mirror.requests] == ["bytes=0-0", None]


@pytest.mark.parametrize("variable", ["CYCLEBENCH_OFFLINE", None])
def test_offline_or_after_a_failure_nothing_is_tried(variable, cache, mirror, monkeypatch):
    if variable:
        monkeypatch.setenv(variable, "1")
    else:
        put(cache / ".tried", b"")
    assert attempt() == (None, [])
    assert mirror.requests == []


def test_a_failure_is_one_line_is_remembered_and_forgotten_by_fetching(cache, mirror):
    mirror.statuses = [503]
    path, lines = attempt()
    assert path is None and len(lines) == 1 and "\n" not in lines[0]
    for part in ("FID will not be computed", "answered 503", "cyclebench fetch-weights PATH"):
        assert part in lines[0]
    note = (cache / ".tried").read_text()
    assert "answered 503" in note and "Remove this file" in note and note.count("\n") == 1
    assert attempt() == (None, [])
    assert len(mirror.requests) == 1
    fetch()
    assert names(cache) == [FILE_NAME]


def test_a_download_that_breaks_off_is_tried_once_and_can_be_continued(cache, mirror):
    mirror.drops = [1, 5000]  # one for the question whether the server answers
    path, lines = attempt()
    assert path is None and "broke off after 5000 of" in lines[-1]
    assert names(cache) == [".tried", f"{FILE_NAME}.part"]
    assert len(mirror.requests) == 2
    fetch()
    assert mirror.requests[-1][1] == "bytes=5000-"
    assert names(cache) == [FILE_NAME]


def test_a_name_that_is_never_found_costs_the_deadline_once(blocked_resolver, monkeypatch):
    assert module.DEADLINE < 5, "what a machine without internet loses"
    monkeypatch.setattr(module, "DEADLINE", 0.2)
    begun, threads = time.monotonic(), set(threading.enumerate())
    path, lines = attempt()
    assert time.monotonic() - begun < 8
    (left,) = set(threading.enumerate()) - threads
    assert left.daemon, "or the program could not end before the look-up does"
    assert path is None and len(lines) == 1 and "no answer within 0.2 s" in lines[0]
    begun = time.monotonic()
    assert attempt() == (None, [])
    assert time.monotonic() - begun < 0.2, "the note in the cache is heeded"


def test_a_server_that_says_nothing_costs_the_deadline(monkeypatch):
    monkeypatch.setattr(module, "DEADLINE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("CYCLEBENCH_MIRROR", f"http://127.0.0.1:{port}")
        begun = time.monotonic()
        path, lines = attempt()
    assert time.monotonic() - begun < 8
    assert path is None and len(lines) == 1


def test_a_server_that_is_not_there_is_said_to_be_so(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("CYCLEBENCH_MIRROR", f"http://127.0.0.1:{port}")
    path, [line] = attempt()
    assert path is None and "refused" in line and "no answer within" not in line


@pytest.mark.parametrize("address", ["ftp://host", "http://me:secret@host", "nonsense"])
def test_a_mirror_that_is_none_stops_fetching_but_not_trying(address, cache, monkeypatch):
    monkeypatch.setenv("CYCLEBENCH_MIRROR", address)
    assert "secret" not in refusal(fetch)
    path, lines = attempt()
    assert path is None and len(lines) == 1 and "secret" not in lines[0]


@pytest.mark.parametrize("call", [partial(fetch_weights, None), try_once], ids=["fetch", "try"])
def test_an_interrupt_passes_through_and_can_be_continued(call, cache, mirror):
    def interrupt(what, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(print, interrupt)
    assert names(cache) == [f"{FILE_NAME}.part"], "and no note that it cannot be had"
