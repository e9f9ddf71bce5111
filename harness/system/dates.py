"""When files were written, for people to read. The only place that asks the clock on the wall.

It can be set, or set itself: nothing is timed by it.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone

# Of records: before and after them nothing was measured.
FIRST, LAST = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (1970, 3000))


def day(seconds: float) -> str:
    """A file's age as `st_mtime` has it -> "2026-11-26", in UTC."""
    return _moment(seconds).date().isoformat()


def moment(seconds: float) -> str:
    """Likewise, "2026-11-26T19:05:32+00:00"."""
    return _moment(seconds).isoformat(timespec="seconds")


def now() -> float:
    """Seconds since the epoch, as `st_mtime`."""
    return time.time()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
