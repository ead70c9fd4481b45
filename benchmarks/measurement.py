"""One measured figure beside the goal that it has to meet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """
    One figure of a benchmark.

    Parameters
    ----------
    goal
        The goal's short name, such as ``P14``; figures without a limit carry it too, as context.
    what
        What was measured, in a few words.
    value
        The figure, in `unit`.
    limit
        The most that the goal allows, in `unit`; None where the figure is only told.
    unit
        ``ratio``, ``s``, ``MiB``, ``slope`` or another word for what `value` counts.
    detail
        What stands behind the figure: medians with least and most, sizes, the other contender.

    Examples
    --------
    >>> Measurement("P14", "help beside a bare app", 1.2, 1.3, "ratio").met
    True
    """

    goal: str
    what: str
    value: float
    limit: float | None
    unit: str
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """
        Whether the figure is within its limit.

        Returns
        -------
        bool or None
            None where there is no limit.

        Examples
        --------
        >>> Measurement("S1", "rounds", 530, None, "rounds").met is None
        True
        """
        return None if self.limit is None else self.value <= self.limit
