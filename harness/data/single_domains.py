"""The sets of one domain that are paired here; `sources` has their files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Single:
    """A set of one domain. Only sets of one `family` make a pair that means something."""

    title: str
    family: str
    licence: str


_DOMAINNET = (
    "DomainNet, gathered on the web under fair use; rights stay with their owners; research"
)

SINGLES: dict[str, Single] = {
    "mnist": Single("MNIST", "digits", "MNIST: CC BY-SA 3.0"),
    "usps": Single("USPS", "digits", "USPS: no licence stated, research use"),
    "svhn": Single("SVHN", "digits", "SVHN: Google Street View, non-commercial use only"),
} | {
    name: Single(name, "DomainNet", _DOMAINNET)
    for name in ("clipart", "infograph", "painting", "quickdraw", "real", "sketch")
}


def pairable() -> list[str]:
    """For each family of sets of one domain the names of which any two make an entry."""
    families = dict.fromkeys(single.family for single in SINGLES.values())
    return [
        ", ".join(name for name, single in SINGLES.items() if single.family == family)
        for family in families
    ]
