"""Downloads arrive complete and verified, or leave nothing but what can be continued."""

from __future__ import annotations

import fcntl
import hashlib
import socket
import time
from pathlib import Path

import pytest
from datasets_helpers import Site

from harness.data.connection import fetch_text
from harness.data.download import download
from harness.system.errors import UserError

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def site(site: Site) -> Site:
    """It has the file."""
    site.files["/a.zip"] = CONTENT
    return site


def fetch(site: Site, target: Path, **changes: object) -> str:
    options = {"sha256": SHA256, "size_limit": len(CONTENT), "pause": 0.0, "timeout": 5.0}
    return download(f"{site.url}/a.zip", target, **{**options, **changes})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_alone(site: Site, tmp_path: Path) -> None:
    seen = []
    fetch(site, tmp_path / "a.zip", progress=lambda done, total: seen.append((done, total)))
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert names(tmp_path) == ["a.zip"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_dropped_connection_is_continued_where_it_broke(site: Site, tmp_path: Path) -> None:
    site.drops = [400_000, 300_000]
    fetch(site, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert [asked for _, asked in site.requests] == [None, "bytes=400000-", "bytes=700000-"]


@pytest.mark.parametrize(
    ("faults", "requests"),
    [
        ({"ranges": False, "drops": [400_000]}, 2),
        ({"drops": [1000], "skew": 7}, 3),  # it continues at the wrong place
        ({"statuses": [503, 429]}, 3),
    ],
)
def test_a_server_with_faults_is_asked_again(
    site: Site, tmp_path: Path, faults: dict, requests: int
) -> None:
    vars(site).update(faults)
    fetch(site, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT and len(site.requests) == requests


@pytest.mark.parametrize(
    ("part", "known", "asked"),
    [
        (b"something else", {}, ["bytes=14-", None]),
        (CONTENT + b"more", {}, ["bytes=1048580-", None]),
        (CONTENT, {}, ["bytes=1048576-"]),
        (CONTENT[:5000], {"sha256": None, "md5": MD5}, ["bytes=5000-"]),
        (b"of another version", {"sha256": None}, [None]),  # nothing to compare it with
    ],
)
def test_what_an_earlier_call_left_is_used_where_it_fits(
    site: Site, tmp_path: Path, part: bytes, known: dict, asked: list[str | None]
) -> None:
    (tmp_path / "a.zip.part").write_bytes(part)
    fetch(site, tmp_path / "a.zip", **known)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT and names(tmp_path) == ["a.zip"]
    assert [request for _, request in site.requests] == asked


def test_out_of_attempts_keeps_what_can_be_continued(site: Site, tmp_path: Path) -> None:
    site.drops = [1000] * 2
    with pytest.raises(UserError, match="broke off after 2000 of 1048576 bytes"):
        fetch(site, tmp_path / "a.zip", attempts=2)
    assert names(tmp_path) == ["a.zip.part"]
    fetch(site, tmp_path / "a.zip")
    assert site.requests[-1] == ("/a.zip", "bytes=2000-")
    assert names(tmp_path) == ["a.zip"]


@pytest.mark.parametrize(("ranges", "sha256"), [(False, SHA256), (True, None)])
def test_out_of_attempts_leaves_nothing_that_cannot_be_continued(
    site: Site, tmp_path: Path, ranges: bool, sha256: str | None
) -> None:
    site.ranges, site.drops = ranges, [1000] * 2
    with pytest.raises(UserError, match="broke off after"):
        fetch(site, tmp_path / "a.zip", sha256=sha256, attempts=2)
    assert names(tmp_path) == []


def test_an_interrupt_keeps_what_can_be_continued(site: Site, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(site, tmp_path / "a.zip", progress=interrupt)
    kept = (tmp_path / "a.zip.part").read_bytes()
    assert kept and CONTENT.startswith(kept)


def test_a_file_changed_between_two_attempts_is_not_mixed(site: Site, tmp_path: Path) -> None:
    site.drops = [5000]
    old = hashlib.sha256(CONTENT[::-1]).hexdigest()

    def change(done: int, total: int) -> None:
        site.files["/a.zip"], site.etag = CONTENT[::-1], '"v2"'

    fetch(site, tmp_path / "a.zip", progress=change, sha256=old)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT[::-1]
    assert len(site.requests) == 2


def test_a_wrong_checksum_names_both_and_leaves_nothing(site: Site, tmp_path: Path) -> None:
    wrong = "0" * 64
    with pytest.raises(UserError) as caught:
        fetch(site, tmp_path / "a.zip", sha256=wrong)
    assert wrong in str(caught.value) and SHA256 in str(caught.value)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []
    assert len(site.requests) == 1


def test_a_missing_file_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    site.files = {}
    with pytest.raises(UserError, match="answered 404"):
        fetch(site, tmp_path / "a.zip")
    assert len(site.requests) == 1
    assert names(tmp_path) == []


@pytest.mark.parametrize("announce", [True, False])
def test_more_bytes_than_expected_are_refused(site: Site, tmp_path: Path, announce: bool) -> None:
    site.announce_length = announce
    seen: list[int] = []
    with pytest.raises(UserError, match="too large"):
        fetch(
            site,
            tmp_path / "a.zip",
            size_limit=len(CONTENT) - 1,
            progress=lambda done, total: seen.append(done),
        )
    assert (seen == []) is announce
    assert names(tmp_path) == []


def test_a_host_that_refuses_fails_at_once_and_keeps_the_part(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = Site(url=f"http://127.0.0.1:{free.getsockname()[1]}")
    (tmp_path / "a.zip.part").write_bytes(b"begun")
    with pytest.raises(UserError, match="no connection"):
        fetch(nobody, tmp_path / "a.zip", pause=60.0)
    assert names(tmp_path) == ["a.zip.part"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_does_not_answer_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        proxy = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv(f"{scheme}_proxy", f"http://me:secret@{proxy}")
    with pytest.raises(UserError, match=f"no connection, through the proxy {proxy}") as refused:
        fetch(Site(url=f"{scheme}://example.invalid"), tmp_path / "a.zip", pause=60.0)
    assert "secret" not in str(refused.value) and "0x" not in str(refused.value)
    assert "Connection refused" in str(refused.value)


def test_a_server_that_says_nothing_times_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        site = Site(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        with pytest.raises(UserError, match="timed out"):
            fetch(site, tmp_path / "a.zip", timeout=0.1, attempts=2)
        assert time.monotonic() - begun < 10
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://host/a", "/a.zip", "http://", "http://["]
)
def test_other_schemes_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not an address"):
        download(url, tmp_path / "a.zip", sha256=SHA256, size_limit=1)
    assert names(tmp_path) == []


def test_a_password_in_the_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        download("http://me:secret@host/a", tmp_path / "a.zip", sha256=SHA256, size_limit=1)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/a"])
def test_a_redirection_to_another_scheme_is_refused(
    site: Site, tmp_path: Path, address: str
) -> None:
    site.redirect = address
    with pytest.raises(UserError) as caught:
        fetch(site, tmp_path / "a.zip")
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_two_processes_do_not_write_one_file(site: Site, tmp_path: Path) -> None:
    with (tmp_path / "a.zip.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process"):
            fetch(site, tmp_path / "a.zip")
    assert site.requests == []


def test_a_short_text_is_none_where_the_server_has_none(site: Site) -> None:
    site.files["/a.sha256"] = b"x" * 5000
    assert fetch_text(f"{site.url}/a.sha256", limit=4096) == "x" * 4096
    assert fetch_text(f"{site.url}/b.sha256") is None
    site.statuses = [500]
    with pytest.raises(UserError, match="answered 500"):
        fetch_text(f"{site.url}/a.sha256")


def test_what_is_known_of_a_file_is_verified(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "a.zip"
    for known in ({"md5": MD5}, {"size": len(CONTENT)}, {"md5": MD5, "size": len(CONTENT)}, {}):
        assert fetch(site, target, **{"sha256": None, **known}) == SHA256
    for wrong, words in (
        ({"md5": "0" * 32}, f"expected md5 {'0' * 32}, got {MD5}"),
        ({"md5": MD5, "size": 9}, "wrong size, expected 9 bytes"),
        ({"size": 9}, "wrong size, expected 9 bytes"),
        ({"sha256": SHA256, "md5": "0" * 32}, "expected md5"),
    ):
        target.unlink(missing_ok=True)
        with pytest.raises(UserError, match=words):
            fetch(site, target, **{"sha256": None, **wrong})
        assert names(tmp_path) == []
