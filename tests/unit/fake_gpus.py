"""GPUs that are not there: what the driver's library and the module pynvml would answer."""

from __future__ import annotations

import ctypes
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from harness.system import gpu


@dataclass(frozen=True)
class Card:
    """`slice_of`: number of the card that this is a part of. `processes`: pid -> bytes or None."""

    name: str = "NVIDIA H100 PCIe"
    memory: int = 80 * 2**30
    capability: tuple[int, int] = (9, 0)
    number: int = 1
    slice_of: int | None = None
    watts: float = 350.0
    default_watts: float = 350.0
    max_mhz: int = 1755
    mode: int = 0
    persistence: int = 1
    mig: int = 0
    reasons: int = 0x1
    free: int = 79 * 2**30
    processes: dict[int, int | None] = field(default_factory=dict)
    millijoules: int = 1000
    silent: tuple[str, ...] = ()  # functions of NVML that it does not support

    @property
    def uuid(self) -> str:
        prefix = "GPU" if self.slice_of is None else "MIG"
        return f"{prefix}-{uuid.UUID(int=self.number)}"

    @property
    def bus_id(self) -> str:
        return f"0000:{self.slice_of or self.number:02x}:00.0"


class Driver:
    """As libcuda.so.1: follows CUDA_VISIBLE_DEVICES at cuInit, fails with `code` there."""

    def __init__(self, cards: Sequence[Card], code: int = 0, version: int = 13000) -> None:
        self.cards, self.code, self.version = list(cards), code, version
        self.visible: list[Card] | None = None
        self.begun = 0

    def cuInit(self, flags: int) -> int:
        self.begun += 1
        if self.code:
            return self.code
        asked = os.environ.get("CUDA_VISIBLE_DEVICES")
        named = {card.uuid: card for card in self.cards}
        named |= {str(index): card for index, card in enumerate(self.cards)}
        self.visible = list(self.cards) if asked is None else []
        for each in (asked or "").split(","):
            if each.strip() not in named:
                break  # what comes after an unknown one is hidden as well
            self.visible.append(named[each.strip()])
        return 0 if self.visible else 100

    def cuDriverGetVersion(self, version: Any) -> int:
        return write(version, self.version)

    def cuDeviceGetCount(self, count: Any) -> int:
        return 3 if self.visible is None else write(count, len(self.visible))

    def cuDeviceGet(self, device: Any, index: int) -> int:
        return write(device, 10 + index)  # not the same as its index: a handle

    def cuDeviceGetName(self, name: Any, size: int, device: int) -> int:
        return fill(name, self._card(device).name.encode(), size)

    def cuDeviceGetUuid_v2(self, raw: Any, device: int) -> int:
        return fill(raw, uuid.UUID(int=self._card(device).number).bytes, 16)

    def cuDeviceGetUuid(self, raw: Any, device: int) -> int:
        card = self._card(device)
        return fill(raw, uuid.UUID(int=card.slice_of or card.number).bytes, 16)

    def cuDeviceTotalMem_v2(self, size: Any, device: int) -> int:
        return write(size, self._card(device).memory)

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: int) -> int:
        return write(value, self._card(device).capability[attribute - 75])

    def cuDeviceGetPCIBusId(self, text: Any, size: int, device: int) -> int:
        return fill(text, self._card(device).bus_id.encode(), size)

    def _card(self, device: int) -> Card:
        assert self.visible is not None
        return self.visible[device - 10]


def write(pointer: Any, value: int) -> int:
    pointer._obj.value = value
    return 0


def fill(buffer: Any, content: bytes, size: int) -> int:
    assert len(content) <= size <= ctypes.sizeof(buffer)
    buffer[: len(content)] = content
    return 0


class Nvml:
    """As the module pynvml, whose handles are the cards; deaf to CUDA_VISIBLE_DEVICES."""

    def __init__(self, cards: Sequence[Card], version: str = "580.95.05") -> None:
        self.cards, self.version = list(cards), version

    def __getattribute__(self, name: str) -> Any:
        function = super().__getattribute__(name)
        if not name.startswith("nvmlDevice"):
            return function

        def asked(*arguments: Any) -> Any:
            if arguments and isinstance(arguments[0], Card) and name in arguments[0].silent:
                raise RuntimeError("not supported")
            return function(*arguments)

        return asked

    def nvmlInit(self) -> None: ...

    def nvmlSystemGetDriverVersion(self) -> str:
        return self.version

    def nvmlDeviceGetCount(self) -> int:
        return sum(card.slice_of is None for card in self.cards)

    def nvmlDeviceGetHandleByUUID(self, name: str) -> Card:
        return self._first(card for card in self.cards if card.uuid == name)

    def nvmlDeviceGetHandleByPciBusId(self, bus_id: str) -> Card:
        whole = (card for card in self.cards if card.slice_of is None)
        return self._first(card for card in whole if card.bus_id == bus_id)

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, part: Card) -> Card:
        return self._first(card for card in self.cards if card.number == part.slice_of)

    def _first(self, cards: Iterator[Card]) -> Card:
        found = next(cards, None)
        if found is None:
            raise RuntimeError("not found")
        return found

    def nvmlDeviceGetPowerManagementLimit(self, card: Card) -> int:
        return self._whole(card, round(1000 * card.watts))

    def nvmlDeviceGetPowerManagementDefaultLimit(self, card: Card) -> int:
        return self._whole(card, round(1000 * card.default_watts))

    def nvmlDeviceGetClockInfo(self, card: Card, kind: int) -> int:
        return self._whole(card, {0: 345, 2: 1593}[kind])

    def nvmlDeviceGetMaxClockInfo(self, card: Card, kind: int) -> int:
        return self._whole(card, {0: card.max_mhz, 2: 1593}[kind])

    def nvmlDeviceGetPersistenceMode(self, card: Card) -> int:
        return self._whole(card, card.persistence)

    def nvmlDeviceGetComputeMode(self, card: Card) -> int:
        return self._whole(card, card.mode)

    def nvmlDeviceGetEccMode(self, card: Card) -> list[int]:
        return self._whole(card, [0, 1])

    def nvmlDeviceGetMigMode(self, card: Card) -> list[int]:
        return self._whole(card, [card.mig, card.mig])

    def nvmlDeviceGetCurrentClocksEventReasons(self, card: Card) -> int:
        return self._whole(card, card.reasons)

    def nvmlDeviceGetTotalEnergyConsumption(self, card: Card) -> int:
        return self._whole(card, card.millijoules)

    def nvmlDeviceGetComputeRunningProcesses(self, card: Card) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=p, usedGpuMemory=size) for p, size in card.processes.items()]

    def nvmlDeviceGetMemoryInfo(self, card: Card) -> SimpleNamespace:
        return SimpleNamespace(total=card.memory, free=card.free, used=card.memory - card.free)

    def _whole(self, card: Card, value: Any) -> Any:
        if card.slice_of is not None:
            raise RuntimeError("not supported")
        return value


@contextmanager
def machine(
    *cards: Card, driver: Driver | OSError | None = None, nvml: Any = None, **variables: str
) -> Iterator[Driver | OSError]:
    """With these GPUs, and only these `variables` of CUDA's. `nvml` False: NVML is not there.

    Slices come after their card, which CUDA does not show then.
    """
    whole = {card.slice_of for card in cards}
    made = driver or Driver([card for card in cards if card.number not in whole])

    def load_driver() -> Driver:
        if isinstance(made, OSError):
            raise made
        return made

    def load_nvml() -> Any:
        if nvml is False:
            raise ImportError("No module named 'pynvml'")
        return nvml or Nvml(cards)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
            patch.delenv(name, raising=False)
            patch.setenv(name, "") if name in variables else None
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(gpu, "load_driver", load_driver)
        patch.setattr(gpu, "load_nvml", load_nvml)
        gpu._ask_driver.cache_clear()
        yield made
    gpu._ask_driver.cache_clear()
