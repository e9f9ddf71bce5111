"""What an hour of a machine costs, in whatever unit the user writes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from harness.system.errors import UserError


@dataclass(frozen=True)
class Price:
    """`before`, `after`: what stood around the number: a currency's sign, if any."""

    per_hour: float
    before: str = ""
    after: str = ""

    def cost(self, seconds: float) -> float:
        return self.per_hour * seconds / 3600

    def text(self, seconds: float) -> str:
        """Of so many seconds, as 12.30 or $12.30; what would round to nothing with more digits."""
        cost = self.cost(seconds)
        digits = 2 if cost >= 0.1 or cost == 0 else 1 - math.floor(math.log10(cost))
        return f"{self.before}{cost:,.{digits}f}{self.after}"


def read_price(text: str) -> Price:
    """2.50, $2.50 or 2.50 EUR. Raises UserError for anything else."""
    found = re.fullmatch(r"\s*([^\d.,+-]*)(\d+(?:\.\d+)?|\.\d+)([^\d.,]*)", text)
    value = float(found[2]) if found else 0.0
    if found is None or not 0 < value < math.inf:
        raise UserError(f"--price {text}: give what an hour costs, above zero, as 2.50 or $2.50")
    return Price(value, found[1], found[3].rstrip())
