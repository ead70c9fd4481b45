"""How long the network of a book takes to build, and how that grows with the book."""

from functools import partial
from math import log

from benchmarks.measurement import Measurement
from benchmarks.timing import interleaved
from graphrisk.generator import AS_OF, book
from graphrisk.ledger.overdue import account
from graphrisk.network import Network

SMALL, LARGE = 10_000, 100_000
QUICK_SMALL, QUICK_LARGE = 100, 200
#: No step may grow faster than the book by more than sorting and the caches of the machine explain.
SLOPE_LIMIT = 1.25


def measure(*, quick: bool = False) -> list[Measurement]:
    """Measure the network of two sizes of generated books, the ledger's part of it, and the slope between them.

    Parameters
    ----------
    quick : bool
        Whether two small books will do.

    Returns
    -------
    list of Measurement
    """
    small, large = (QUICK_SMALL, QUICK_LARGE) if quick else (SMALL, LARGE)
    books = {entities: book(entities) for entities in (small, large)}
    contenders: dict[str, partial[object]] = {}
    for entities, tables in books.items():
        contenders[f"network {entities}"] = partial(Network.from_tables, tables, as_of=AS_OF)
        contenders[f"ledger {entities}"] = partial(account, tables, as_of=AS_OF)
    times = interleaved(contenders, rounds=1 if quick else 3, repeat={f"network {small}": 1 if quick else 3})
    of_small, of_large = times[f"network {small}"], times[f"network {large}"]
    slope = log(of_large.least / of_small.least) / log(large / small)
    rows = sum(len(frame) for frame in books[large].frames.values())
    detail = f"{large:,} entities, {rows:,} rows: {of_large.text}; {small:,} entities: {of_small.text}"
    ledger = times[f"ledger {large}"]
    return [
        Measurement("build", "network of a book: slope in the number of entities", slope, SLOPE_LIMIT, "slope", detail),
        Measurement("build", f"network of {large:,} entities", of_large.median, None, "s", of_large.text),
        Measurement("build", "of it the ledger", ledger.median / of_large.median, None, "share", ledger.text),
    ]
