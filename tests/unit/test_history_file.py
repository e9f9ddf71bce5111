"""The file of a history: a line an entry, appended whole or not at all."""

import json
import multiprocessing

import pytest
from history_entries import entry, lines

from harness.studies.history.file import append, read_history
from harness.system.errors import UserError

GOOD = entry(0, 0.1, 1.2)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (GOOD.line()[:-20], "not an entry"),
        ("", "not an entry"),
        ("[]", "schema_version None"),
        (GOOD.line().replace('"schema_version": 1', '"schema_version": 2'), "schema_version 2"),
        (GOOD.line().replace('"value": 0.1', '"value": NaN'), "NaN is no number"),
        (GOOD.line().replace('"value": 0.1,', '"value": "0.1",'), "backends.0.step.value"),
        (GOOD.line().replace('"series"', '"serie"'), "series: Field required"),
        (GOOD.line().replace('"kind": "bench"', '"kind": "bench", "more": 1'), "more: Extra"),
        (GOOD.line().replace('"first": "torch"', '"first": "jax"'), "not two of the backends"),
        ("[" * 100_000, "nested too deeply"),
        ('{"schema_version": 1, "kind": "\\ud800"}', "not an entry"),
    ],
)
def test_a_damaged_line_is_named_and_nothing_is_lost(tmp_path, line, says):
    history = tmp_path / "history.jsonl"
    history.write_text(lines([GOOD]) + f"{line}\n" + lines([entry(1, 0.1, 1.2)]))
    content = history.read_bytes()
    with pytest.raises(UserError, match=r"history\.jsonl:2: not an entry of a history") as refused:
        append(history, [entry(2, 0.1, 1.2)])
    assert says in str(refused.value) and "\n" not in str(refused.value)
    assert history.read_bytes() == content


def test_what_was_there_stays_byte_for_byte(tmp_path):
    history = tmp_path / "history.jsonl"
    odd = GOOD.model_copy(update={"sentence": "a\u2028b\x85c\nd é"})
    spaced = json.dumps(json.loads(odd.line()), separators=(" ,  ", " : ")).encode()
    history.write_bytes(spaced)  # without an end of line
    added, entries = append(history, [odd, entry(1, 0.1, 1.2), entry(1, 0.3, 1.4)])
    assert [one.identity for one in added] == ["s-1"] and entries == [odd, entry(1, 0.1, 1.2)]
    assert history.read_bytes() == spaced + b"\n" + lines(added).encode()
    assert read_history(history) == entries


def test_an_interrupted_write_leaves_what_was_there(tmp_path, monkeypatch):
    history = tmp_path / "history.jsonl"
    append(history, [GOOD])
    content = history.read_bytes()
    monkeypatch.setattr("harness.system.files._flush", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        append(history, [entry(1, 0.1, 1.2)])
    assert history.read_bytes() == content


def _append_some(history, who):
    for week in range(5):
        append(history, [entry(week, 0.1, 1.2, series=f"s{who}")])


def test_processes_that_append_at_once_lose_nothing(tmp_path):
    history, context = tmp_path / "history.jsonl", multiprocessing.get_context("fork")
    processes = [context.Process(target=_append_some, args=(history, who)) for who in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(read_history(history)) == 20


def test_a_link_stays_one(tmp_path):
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "real.jsonl")
    append(tmp_path / "link.jsonl", [GOOD])
    assert (tmp_path / "link.jsonl").is_symlink() and read_history(tmp_path / "real.jsonl") == [
        GOOD
    ]
