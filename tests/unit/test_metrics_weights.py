"""Inception weights are found, copied or fetched whole; without internet little time is lost."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from datasets_helpers import Site

from harness.metrics import weights as module
from harness.metrics.weights import FILE_NAME, fetch_weights, find_weights, try_once
from harness.system.errors import UserError

CONTENT = bytes(range(256)) * 2048  # 0.5 MiB, in the place of 96 MB
PUBLISHED = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
TORCH_FIDELITY = "weights-inception-2015-12-05-6726825d.pth"


@pytest.fixture(autouse=True)
def cache(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
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
def mirror(mirror: Site) -> Site:
    """It has the file."""
    mirror.files[f"/{FILE_NAME}"] = CONTENT
    return mirror


@pytest.fixture
def blocked_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Names are looked up for ever, as where a firewall drops every packet."""
    released = threading.Event()

    def block(*arguments: object, **options: object) -> None:
        released.wait(60)
        raise OSError("released")

    monkeypatch.setattr(socket, "getaddrinfo", block)
    monkeypatch.setenv("CYCLEBENCH_MIRROR", "http://weights.invalid")
    yield
    released.set()


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def fetch(source: Path | None = None) -> tuple[Path, list[str]]:
    lines: list[str] = []
    return fetch_weights(source, lines.append, None), lines


def attempt() -> tuple[Path | None, list[str]]:
    lines: list[str] = []
    return try_once(lines.append, None), lines


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_the_published_file_is_the_one_scores_are_cached_under(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    assert module.SHA256 == PUBLISHED
    assert module.SIZE == 95_628_359
    assert PUBLISHED.startswith(Path(FILE_NAME).stem.rpartition("-")[2])
    assert module.URL.startswith("https://github.com/mseitzer/pytorch-fid/releases/")
    assert module.URL.endswith(f"/{FILE_NAME}")


def test_nothing_is_found_where_nothing_is() -> None:
    assert find_weights() is None


def test_our_cache_comes_first(cache: Path, tmp_path: Path) -> None:
    put(tmp_path / "home/.cache/torch/hub/checkpoints" / FILE_NAME)
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
    variable: str,
    value: str,
    folder: str,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, value.format(tmp_path))
    assert find_weights() is None
    there = put(tmp_path / folder / name)
    assert find_weights() == there


@pytest.mark.parametrize(
    "content",
    [b"", CONTENT[:-1], CONTENT + b"x", CONTENT[::-1]],
    ids=["empty", "truncated", "longer", "other bytes"],
)
def test_a_damaged_file_is_passed_over_for_a_sound_one(
    content: bytes, cache: Path, tmp_path: Path
) -> None:
    put(cache / FILE_NAME, content)
    assert find_weights() is None
    sound = put(tmp_path / "home/.cache/torch/hub/checkpoints" / FILE_NAME)
    assert find_weights() == sound


def test_a_folder_and_a_dead_link_are_passed_over(cache: Path) -> None:
    (cache / FILE_NAME).mkdir(parents=True)
    assert find_weights() is None
    (cache / FILE_NAME).rmdir()
    (cache / FILE_NAME).symlink_to(cache / "gone")
    assert find_weights() is None


def test_an_unchanged_file_is_read_once_and_a_changed_one_again(cache: Path) -> None:
    path = put(cache / FILE_NAME)
    module._sha256.cache_clear()
    for _ in range(3):
        assert find_weights() == path
    assert module._sha256.cache_info().misses == 1
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(1, 1))
    assert find_weights() is None


def test_a_file_of_the_wrong_size_is_not_read(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(cache / FILE_NAME, CONTENT[:-1])
    monkeypatch.setattr(module, "file_sha256", lambda path: pytest.fail("it was read"))
    assert find_weights() is None


def test_a_file_is_copied_and_then_found(cache: Path, tmp_path: Path) -> None:
    source = put(tmp_path / "stick" / "any name.pth")
    path, lines = fetch(source)
    assert path == find_weights() == cache / FILE_NAME
    assert path.read_bytes() == CONTENT
    assert names(cache) == [FILE_NAME]
    assert len(lines) == 1 and str(source) in lines[0]


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path: Path) -> None:
    put(tmp_path / "home" / FILE_NAME)
    assert fetch(Path("~") / FILE_NAME)[0] == find_weights()


def test_a_copy_replaces_a_damaged_file(cache: Path, tmp_path: Path) -> None:
    put(cache / FILE_NAME, b"damaged")
    fetch(put(tmp_path / "sound"))
    assert (cache / FILE_NAME).read_bytes() == CONTENT


def test_a_copy_that_breaks_off_leaves_nothing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    source = put(tmp_path / "source")
    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in refusal(lambda: fetch(source))
    assert names(cache) == []


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[::-1]], ids=["truncated", "other"])
def test_another_file_is_refused_with_both_checksums(
    content: bytes, cache: Path, tmp_path: Path
) -> None:
    source = put(tmp_path / "source", content)
    message = refusal(lambda: fetch(source))
    assert str(source) in message
    assert hashlib.sha256(content).hexdigest() in message and module.SHA256 in message
    assert f"{len(content)} bytes" in message and f"{len(CONTENT)} bytes" in message
    assert names(cache) == []


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir], ids=["absent", "folder"])
def test_no_file_is_refused(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "source")
    assert "no such file" in refusal(lambda: fetch(tmp_path / "source"))


def test_what_is_there_is_not_fetched(cache: Path, mirror: Site, tmp_path: Path) -> None:
    there = put(tmp_path / "home/.cache/torch/hub/checkpoints" / TORCH_FIDELITY)
    for source in (None, tmp_path / "absent"):
        path, lines = fetch(source)
        assert path == there
        assert len(lines) == 1 and "already" in lines[0] and str(there) in lines[0]
    assert mirror.requests == [] and names(cache) == []


def test_a_download_is_reported_and_found(cache: Path, mirror: Site) -> None:
    lines: list[str] = []
    seen: list[tuple[str, int, int]] = []
    path = fetch_weights(None, lines.append, lambda *progress: seen.append(progress))
    assert path == find_weights() == cache / FILE_NAME
    assert names(cache) == [FILE_NAME]
    assert len(lines) == 1 and f"{mirror.url}/{FILE_NAME}" in lines[0] and "1 MB" in lines[0]
    assert seen[-1] == ("Inception weights", len(CONTENT), len(CONTENT))


def test_the_publisher_is_asked_where_no_mirror_is_named(
    cache: Path, mirror: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CYCLEBENCH_MIRROR", "")
    monkeypatch.setattr(module, "URL", f"{mirror.url}/{FILE_NAME}")
    assert fetch()[0].read_bytes() == CONTENT


def test_a_second_call_continues_a_broken_download(
    cache: Path, mirror: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
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
def test_a_download_of_another_file_is_refused(content: bytes, cache: Path, mirror: Site) -> None:
    mirror.files[f"/{FILE_NAME}"] = content
    message = refusal(fetch)
    assert mirror.url in message and FILE_NAME in message
    assert names(cache) == []


def test_a_cache_that_cannot_be_written_is_explained(cache: Path, mirror: Site) -> None:
    put(cache.parent, b"a file where the folder should be")
    assert "CYCLEBENCH_CACHE" in refusal(fetch)
    path, lines = attempt()
    assert path is None and len(lines) == 2 and "FID will not be computed" in lines[1]


def test_trying_gives_what_is_there_even_offline(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CYCLEBENCH_OFFLINE", "1")
    assert attempt() == (None, [])
    put(cache / ".tried", b"")
    there = put(cache / FILE_NAME)
    assert attempt() == (there, [])


def test_trying_downloads_where_there_is_internet(cache: Path, mirror: Site) -> None:
    path, lines = attempt()
    assert path == find_weights() == cache / FILE_NAME
    assert len(lines) == 1 and "downloading" in lines[0]
    assert names(cache) == [FILE_NAME]
    assert [asked for _, asked in mirror.requests] == ["bytes=0-0", None]


@pytest.mark.parametrize("variable", ["CYCLEBENCH_OFFLINE", None])
def test_offline_or_after_a_failure_nothing_is_tried(
    variable: str | None, cache: Path, mirror: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv(variable, "1")
    else:
        put(cache / ".tried", b"")
    assert attempt() == (None, [])
    assert mirror.requests == []


def test_a_failure_is_one_line_is_remembered_and_forgotten_by_fetching(
    cache: Path, mirror: Site
) -> None:
    mirror.statuses = [503]
    path, lines = attempt()
    assert path is None and len(lines) == 1 and "\n" not in lines[0]
    for said in ("FID will not be computed", "answered 503", "cyclebench fetch-weights PATH"):
        assert said in lines[0]
    note = (cache / ".tried").read_text()
    assert "answered 503" in note and "Remove this file" in note and note.count("\n") == 1
    assert attempt() == (None, [])
    assert len(mirror.requests) == 1
    fetch()
    assert names(cache) == [FILE_NAME]


def test_the_note_goes_too_where_the_file_came_from_elsewhere(cache: Path) -> None:
    put(cache / ".tried", b"")
    put(cache / FILE_NAME)
    fetch()
    assert names(cache) == [FILE_NAME]


def test_a_download_that_breaks_off_is_tried_once_and_can_be_continued(
    cache: Path, mirror: Site
) -> None:
    mirror.drops = [1, 5000]  # one for the question whether the server answers
    path, lines = attempt()
    assert path is None and "broke off after 5000 of" in lines[-1]
    assert names(cache) == [".tried", f"{FILE_NAME}.part"]
    assert len(mirror.requests) == 2
    fetch()
    assert mirror.requests[-1][1] == "bytes=5000-"
    assert names(cache) == [FILE_NAME]


def test_a_name_that_is_never_found_costs_the_deadline_once(
    blocked_resolver: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module.DEADLINE < 5, "what a machine without internet loses"
    monkeypatch.setattr(module, "DEADLINE", 0.2)
    begun = time.monotonic()
    path, lines = attempt()
    assert time.monotonic() - begun < 8
    assert path is None and len(lines) == 1 and "no answer within 0.2 s" in lines[0]
    begun = time.monotonic()
    assert attempt() == (None, [])
    assert time.monotonic() - begun < 0.2, "the note in the cache is heeded"


def test_a_server_that_says_nothing_costs_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("CYCLEBENCH_MIRROR", f"http://127.0.0.1:{port}")
        begun = time.monotonic()
        path, lines = attempt()
    assert time.monotonic() - begun < 8
    assert path is None and len(lines) == 1


@pytest.mark.parametrize("address", ["ftp://host", "http://me:secret@host", "nonsense"])
def test_a_mirror_that_is_none_stops_fetching_but_not_trying(
    address: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CYCLEBENCH_MIRROR", address)
    assert "secret" not in refusal(fetch)
    path, lines = attempt()
    assert path is None and len(lines) == 1 and "secret" not in lines[0]


@pytest.mark.parametrize("call", [partial(fetch_weights, None), try_once], ids=["fetch", "try"])
def test_an_interrupt_passes_through_and_can_be_continued(
    call: Callable[..., object], cache: Path, mirror: Site
) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(print, interrupt)
    assert names(cache) == [f"{FILE_NAME}.part"], "and no note that it cannot be had"
