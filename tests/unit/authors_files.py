"""A loss log as the CycleGAN authors' code writes it, of losses that are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

NAMES = ("D_A", "G_A", "cycle_A", "idt_A", "D_B", "G_B", "cycle_B", "idt_B")
HEAD = "================ Training Loss (Thu Mar  8 21:20:17 2018) ================\n"
Values = Callable[[int, str], float]


def value(images: int, name: str) -> float:
    """Of a name after so many images of the whole training; three decimals, all different."""
    return round(0.001 * (NAMES.index(name) + 1) + 0.01 * (images % 90), 3)


def places(epochs: Iterable[int], size: int, every: int, batch: int = 1) -> Iterator[tuple]:
    """(epoch, images of the epoch, images since the program was started) of each line."""
    total = 0
    for epoch in epochs:
        for images in range(batch, size + batch, batch):
            total += batch
            if total % every == 0:
                yield epoch, images, total


def line(epoch: int, images: int, losses: dict[str, float]) -> str:
    terms = "".join(f"{name}: {loss:.3f} " for name, loss in losses.items())
    return f"(epoch: {epoch}, iters: {images}, time: 0.294, data: 1.230) {terms}\n"


def line_of_2025(epoch: int, images: int, losses: dict[str, float]) -> str:
    terms = "".join(f", {name}: {loss:.3f}" for name, loss in losses.items())
    return f"[Rank 0] (epoch: {epoch}, iters: {images}, time: 0.294, data: 1.230) {terms}\n\n"


def log(
    epochs: Iterable[int] = (1, 2, 3),
    size: int = 250,
    every: int = 100,
    batch: int = 1,
    names: tuple[str, ...] = NAMES,
    one_line: Callable[[int, int, dict[str, float]], str] = line,
) -> str:
    """One start of the program."""
    return HEAD + "".join(
        one_line(epoch, images, {name: value(total, name) for name in names})
        for epoch, images, total in places(epochs, size, every, batch)
    )
