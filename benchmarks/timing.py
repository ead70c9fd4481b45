"""Contenders timed in turn, so that what disturbs the machine disturbs all of them."""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time


@dataclass(frozen=True, slots=True)
class Times:
    """What one contender took.

    Attributes
    ----------
    wall, cpu : tuple of float
        Seconds of each run: on the clock, and of this process's processors.
    """

    wall: tuple[float, ...]
    cpu: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median on the clock."""
        return median(self.wall)

    @property
    def least(self) -> float:
        """The shortest on the clock: the run that was disturbed least."""
        return min(self.wall)

    @property
    def median_cpu(self) -> float:
        """The median of processor time, which other programs disturb less."""
        return median(self.cpu)

    @property
    def text(self) -> str:
        """Median, least and most, for a person.

        Examples
        --------
        >>> Times((0.5, 0.25, 2.0), (0.5, 0.25, 0.5)).text
        '500 ms (250 to 2,000, processor 500)'
        """
        scale, unit = (1.0, "s") if self.median >= _SECONDS else (1e3, "ms")
        digits = 1 if unit == "s" or self.median * scale < 1 else 0
        shown = [f"{value * scale:,.{digits}f}" for value in (self.median, min(self.wall), max(self.wall))]
        return f"{shown[0]} {unit} ({shown[1]} to {shown[2]}, processor {self.median_cpu * scale:,.{digits}f})"


#: Times from here on are told in seconds.
_SECONDS = 10.0


def interleaved(
    contenders: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    repeat: Mapping[str, int] | None = None,
) -> dict[str, Times]:
    """Run each contender once a round, in turn.

    Parameters
    ----------
    contenders : mapping of str to callable
        By name; what they return is dropped.
    rounds : int
        How often each runs.
    repeat : mapping of str to int, optional
        How often a quick one runs in each round.

    Returns
    -------
    dict of str to Times

    Examples
    --------
    >>> times = interleaved({"nothing": lambda: None}, rounds=3)
    >>> len(times["nothing"].wall)
    3
    """
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            for _ in range((repeat or {}).get(name, 1)):
                gc.collect()
                begun, busy = perf_counter(), process_time()
                run()
                taken[name].append((perf_counter() - begun, process_time() - busy))
    return {name: Times(*(tuple(column) for column in zip(*runs, strict=True))) for name, runs in taken.items()}
