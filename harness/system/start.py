"""What a program of this project makes of its surroundings before it does anything else."""

from __future__ import annotations

import codecs
import io
import os
import sys

UTF8 = "PYTHONUTF8"
# Of what is printed, for a terminal or a log whose encoding has not got it.
PLAIN = {
    "\u00d7": "x", "±": "+/-", "→": "->", "←": "<-", "⇄": "<->", "≤": "<=", "≥": ">=", "≈": "~",
    "\u2013": "-", "\u2014": "-", "\u2212": "-", "·": "-", "…": "...", "²": "^2", "µ": "u",
    "\u00a0": " ", "“": '"', "”": '"', "\u2019": "'",
}  # fmt: skip


def begin() -> None:
    """Read and write files alike in every locale, print whatever the locale, and keep the current
    folder off the path of every Python that is started from here.

    Under LC_ALL=C PYTHONUTF8=0 or in a Latin-1 locale Python would take names of files for other
    names, and data sets for other data sets: there it is started once more, with UTF-8.
    """
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get(UTF8) != "1":
        # What is printed stays in the encoding of the terminal.
        anew = {"PYTHONIOENCODING": sys.stdout.encoding, **os.environ, UTF8: "1"}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], anew)  # noqa: S606
    # Known from Python 3.11 on; processes of our own do without (harness.system.interpreters).
    os.environ["PYTHONSAFEPATH"] = "1"
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    """In place of what cannot be encoded; "?" for half characters, as of names that are no text."""
    assert isinstance(error, UnicodeEncodeError)
    wrong = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in wrong), error.end
