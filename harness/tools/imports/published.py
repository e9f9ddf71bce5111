"""Which file, or part of a file, is which of the four networks, by the names of its code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.interface import Direction
from harness.system.errors import UserError
from harness.system.untrusted import shown
from harness.tools.imports.codes import CODES, LYNNHO, NetworkCode
from harness.tools.imports.foreign import read_foreign
from harness.tools.imports.foreign_networks import GENERATORS, Foreign, kind_of
from harness.tools.imports.weight_files import CHECKPOINT, KERAS, LATEST, weight_files

NETWORKS = ("g_ab", "g_ba", "d_a", "d_b")
GENERATOR_NAMES = ("g_ab", "g_ba")
SWAPPED = {"g_ab": "g_ba", "g_ba": "g_ab", "d_a": "d_b", "d_b": "d_a"}
OF_KERAS = "As Keras has it, padding is SAME and epsilon 0.001: a file does not say what it was."


@dataclass(frozen=True)
class FoundNetworks:
    """Ours -> the network in a file; `notes`: a sentence for whatever was taken for granted."""

    networks: Mapping[str, Foreign]
    code: NetworkCode | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Item:
    foreign: Foreign
    network: str | None  # ours, where a name says it
    code: NetworkCode | None


def find_networks(
    paths: Sequence[Path],
    epoch: str = LATEST,
    *,
    swap: bool = False,
    direction: Direction | None = None,
) -> FoundNetworks:
    """Read the networks in `paths`, folders or files: one generator at least.

    `swap`: their domain A is B here. `direction`: of a generator that comes alone; None: what its
    name says, else A to B. Discriminators are only taken with all four networks. Raises UserError
    that says what was found and what would do.
    """
    notes: list[str] = []
    items = [
        item
        for file, code, name in weight_files(paths, epoch, notes)
        for item in _items(file, code, name, notes)
    ]
    networks: dict[str, Foreign] = {}
    for item in items:
        if item.network is not None:
            name = SWAPPED[item.network] if swap else item.network
            if name in networks:
                raise UserError(f"{item.foreign}: a second {name} beside {networks[name]}; give"
                                " one of them")  # fmt: skip
            networks[name] = item.foreign
    lone = [item.foreign for item in items if item.network is None]
    for foreign in lone:
        if kind_of(foreign) not in GENERATORS:
            raise UserError(f"{foreign}: holds a discriminator; a generator is needed")
    free = [name for name in GENERATOR_NAMES if name not in networks]
    count = 2 - len(free) + len(lone)
    if len(lone) > len(free):
        raise UserError(f"{lone[-1]}: one of {count} generators; give one of each direction")
    if direction and count != 1:
        raise UserError("--direction: is said of one generator alone; with two, give --swap")
    for name, foreign in zip(reversed(free) if swap else free, lone, strict=False):
        networks[name] = foreign
        if not direction:
            way, other = (" to ".join(ends.upper()) for ends in (name[2:], SWAPPED[name][2:]))
            hint = f"; if it is {other}, give --direction {SWAPPED[name][2:]}" if count == 1 else ""
            notes.append(f"{foreign.path} is taken for {way}{hint}.")
    if direction:
        old = next(name for name in GENERATOR_NAMES if name in networks)
        networks[f"g_{direction}"] = networks.pop(old)
    code = next((item.code for item in items if item.code), None)
    whole = _complete(networks, code, paths, notes)
    return FoundNetworks(whole, code, (*notes, *_judged(whole, code)))


def _complete(
    networks: Mapping[str, Foreign],
    code: NetworkCode | None,
    paths: Sequence[Path],
    notes: list[str],
) -> dict[str, Foreign]:
    """In our order, and discriminators only if all are there and can be."""
    judges = [name for name in ("d_a", "d_b") if name in networks]
    if not any(name in networks for name in GENERATOR_NAMES):
        listed = ", ".join(networks[name].path.name for name in judges)
        raise UserError(f"{paths[0]}: only discriminators ({listed}); a generator is needed")
    left_out = judges
    if judges and code and not code.discriminators:
        notes.append(code.note)
    elif judges and len(networks) < len(NETWORKS):
        listed = ", ".join(networks[name].path.name for name in judges)
        notes.append(f"Without all four networks, discriminators are left out: {listed}.")
    else:
        left_out = []
    return {name: networks[name] for name in NETWORKS if name in networks and name not in left_out}


def _judged(networks: Mapping[str, Foreign], code: NetworkCode | None) -> Iterator[str]:
    """Who judges what, where all four are there."""
    if len(networks) < len(NETWORKS):
        return
    for name in ("d_a", "d_b"):
        foreign = networks[name]
        what = foreign.place or foreign.path.name
        yield f"{what} is {name} here: it judges images of {name[-1].upper()}."
    if code and code.note:
        yield code.note


def _items(file: Path, code: NetworkCode | None, name: str, notes: list[str]) -> Iterator[_Item]:
    if file.suffix.lower() in (*KERAS, CHECKPOINT):
        yield from _items_of_keras(file, name, notes)
        return
    content, said = read_foreign("networks", file)
    notes += said
    places = [Foreign(file, place, tensors) for place, tensors in content.items()]
    if len(places) == 1:
        [foreign] = places
        within = None if code else _code_of([foreign.place])
        key = name or _key(foreign.place)
        used = code or within
        yield _Item(foreign, used.networks.get(key) if used else None, used)
        return
    keys = {foreign.place: _key(foreign.place) for foreign in places}
    within = _code_of([key for key in keys.values() if key])
    if within is None or not all(keys.values()):
        generators = [foreign for foreign in places if _is_generator(foreign)]
        if len(generators) == 1:
            notes.append(f"{file.name}: its only generator is taken, {generators[0].place}.")
            yield _Item(generators[0], None, None)
            return
        listed = ", ".join(shown(place) for place in list(keys)[:6])
        raise UserError(
            f"{file}: {len(keys)} networks in it, {listed}; save the generator's tensors by"
            " themselves, or call them G_A, G_B, D_A and D_B"
        )
    for foreign in places:
        yield _Item(foreign, within.networks[keys[foreign.place]], within)


def _items_of_keras(file: Path, name: str, notes: list[str]) -> Iterator[_Item]:
    content, said = read_foreign("keras", file)
    notes += [*said, OF_KERAS]
    for place, tensors in content.items():
        key = name or _key(place)
        yield _Item(Foreign(file, place, tensors, keras=True), LYNNHO.networks.get(key), LYNNHO)


def _is_generator(foreign: Foreign) -> bool:
    try:
        return kind_of(foreign) in GENERATORS
    except UserError:
        return False


def _key(place: str) -> str:
    """The network's name in a code, in a place such as `state_dict.netG_A2B`; else empty."""
    known = {name for code in CODES for name in code.networks}
    parts = (part.removeprefix("net") for part in place.split("."))
    return next((part for part in parts if part in known), "")


def _code_of(keys: Sequence[str]) -> NetworkCode | None:
    """That gives its networks such names, its generators first: `D_A` is in all of them."""
    names = {_key(key) for key in keys}
    generators = {name for name in names if name.startswith("G")}
    return next((code for code in CODES if generators and names <= code.networks.keys()), None)
