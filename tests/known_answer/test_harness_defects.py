"""Nothing wrong gets through: every planted defect is named by its check."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import known_world
import pytest
from harness_defects import DEFECTS
from known_world import World
from planting import Defect

pytestmark = pytest.mark.planted


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_planted_defect_is_named_by_its_check(
    defect: Defect,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property,
) -> None:
    """What the check says goes into the JUnit file."""
    done = ("data", "training", "course", "seeds", "alone")
    before = "trained" if defect.stage == "scores" else "scored"
    upstream: World | None = None if defect.stage in done else request.getfixturevalue(before)
    # Images that were decoded without the defect would be taken from the cache.
    monkeypatch.setenv("CYCLEBENCH_CACHE", str(tmp_path / "cache"))
    defect.plant(monkeypatch)
    with known_world.known_parts():
        world = known_world.again(defect.stage, upstream, tmp_path)
    with pytest.raises(AssertionError) as failure:
        defect.check(world)
    record_property("said", str(failure.value).partition("\n")[0])


def test_every_room_is_tried_and_no_defect_twice() -> None:
    assert len(DEFECTS) >= 80
    rooms = Counter(defect.where.partition(".")[0] for defect in DEFECTS)
    assert {"data", "plan", "training", "studies", "system", "metrics", "statistics", "report"} <= (
        rooms.keys()
    )
    assert max(Counter(defect.name for defect in DEFECTS).values()) == 1
