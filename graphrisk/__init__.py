"""Who gets hurt, and by how much, when one entity does not pay.

>>> from graphrisk import Conventions
>>> Conventions().grace_days
0
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    from graphrisk.analyzers.check import check
    from graphrisk.analyzers.exposure import exposure
    from graphrisk.analyzers.guarantee_calls import guarantee_calls
    from graphrisk.analyzers.guarantee_patterns import guarantee_patterns
    from graphrisk.analyzers.guarantees import guarantees
    from graphrisk.analyzers.npl import npl
    from graphrisk.analyzers.overdue import overdue
    from graphrisk.analyzers.overdue_explain import explain
    from graphrisk.analyzers.spread import Asked, spread
    from graphrisk.analyzers.spread_explain import explain as spread_explain
    from graphrisk.analyzers.spread_periods import spread_periods
    from graphrisk.analyzers.trace import trace
    from graphrisk.conventions import Conventions
    from graphrisk.network import Network
    from graphrisk.policies.schema import read_reactions
    from graphrisk.results import Result
    from graphrisk.tables.book import Tables

__all__ = [
    "Asked",
    "Conventions",
    "Network",
    "Result",
    "Tables",
    "check",
    "explain",
    "exposure",
    "guarantee_calls",
    "guarantee_patterns",
    "guarantees",
    "npl",
    "overdue",
    "read",
    "read_reactions",
    "spread",
    "spread_explain",
    "spread_periods",
    "trace",
]

# Where each public name lives, and after a colon what it is called there; it is imported when it is first asked for,
# so that the command line starts fast.
_HOMES = {
    "Asked": "graphrisk.analyzers.spread",
    "Conventions": "graphrisk.conventions",
    "Network": "graphrisk.network",
    "Result": "graphrisk.results",
    "Tables": "graphrisk.tables.book",
    "check": "graphrisk.analyzers.check",
    "explain": "graphrisk.analyzers.overdue_explain",
    "exposure": "graphrisk.analyzers.exposure",
    "guarantee_calls": "graphrisk.analyzers.guarantee_calls",
    "guarantee_patterns": "graphrisk.analyzers.guarantee_patterns",
    "guarantees": "graphrisk.analyzers.guarantees",
    "npl": "graphrisk.analyzers.npl",
    "overdue": "graphrisk.analyzers.overdue",
    "read_reactions": "graphrisk.policies.schema",
    "spread": "graphrisk.analyzers.spread",
    "spread_explain": "graphrisk.analyzers.spread_explain:explain",
    "spread_periods": "graphrisk.analyzers.spread_periods",
    "trace": "graphrisk.analyzers.trace",
}


def read(data: "str | PathLike[str] | None" = None) -> "Tables":
    """Read and check the tables of a folder.

    Parameters
    ----------
    data : str or path or None
        The folder; None for the bundled sample.

    Returns
    -------
    Tables

    Raises
    ------
    StoreError
        If the folder is not there, or holds no table.
    InvalidDataError
        If its settings cannot be read.

    Examples
    --------
    >>> "loans" in read()
    True
    """
    from graphrisk.stores import open_store  # noqa: PLC0415 -- imported when asked for, as all names here

    return open_store(None if data is None else str(data)).read_tables()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'graphrisk' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(module), attribute or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
