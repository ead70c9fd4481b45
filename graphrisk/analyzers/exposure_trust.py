"""Beliefs: how far each creditor trusts each obligor, where that comes from, and what payment history says of it."""

import numpy as np
import pandas as pd

from graphrisk.analyzers.exposure_book import Book
from graphrisk.network.evidence import HALF_LIFE_MONTHS, LEVEL, Evidence, payment_evidence
from graphrisk.network.stakes import beliefs
from graphrisk.results import RESULTS, Result, Sentence


def beliefs_of(book: Book) -> Result:
    """Return the belief of each creditor in each obligor that it has money at stake in, or a history with.

    Parameters
    ----------
    book : Book
        Exposures and the question.

    Returns
    -------
    Result
        Columns of ``RESULTS["exposure_trust"]``.
    """
    network = book.network
    evidence = payment_evidence(book.read)
    rows = _rows(book, evidence)
    known = rows[rows["trials"] > 0]
    return Result(
        command="exposure_trust",
        columns=RESULTS["exposure_trust"],
        rows=rows.reset_index(drop=True),
        summary={
            "pairs": len(rows),
            "pairs_with_history": len(known),
            "trials": int(known["trials"].sum()),
            "relation": float(rows["relation"].sum()),
            "relation_with_history": float(known["relation"].sum()),
            "prior_weighted": _weighted(known, "prior"),
            "trust_weighted": _weighted(known, "trust"),
            "by_source": {source: int((rows["source"] == source).sum()) for source in _SOURCES},
        },
        as_of=network.as_of,
        currency=network.currency,
        parameters={**book.asked.parameters(), "trust": network.trust_source},
        conventions=dict(network.conventions),
        tables=network.tables,
        headline=_headline(rows, known),
        notes=(
            Sentence(f"trust_by_{network.trust_source}"),
            Sentence("trust_evidence", {"level": LEVEL, "months": HALF_LIFE_MONTHS}),
        ),
    )


#: Where a belief may come from, the first that there is.
_SOURCES = ("stated", "history", "pd", "neutral")


def _rows(book: Book, evidence: Evidence) -> pd.DataFrame:
    """Return the rows of the result: pairs with money at stake or a history, most at stake first."""
    network, n = book.network, book.network.n
    stakes = network.relation.tocoo()
    at_stake = pd.Series(stakes.data, index=stakes.row.astype(np.int64) * n + stakes.col)
    pair = np.union1d(at_stake.index.to_numpy(), evidence.creditor * n + evidence.obligor)
    creditor, obligor = pair // max(1, n), pair % max(1, n)
    if book.subject >= 0:
        own = (creditor == book.subject) | (obligor == book.subject)
        pair, creditor, obligor = pair[own], creditor[own], obligor[own]
    used = evidence if network.trust_source == "history" else None
    prior, source = beliefs(book.read, creditor, obligor, used)
    place = evidence.find(creditor, obligor)
    seen = place >= 0
    low, high = evidence.interval
    figures = {
        "trust": evidence.trust,
        "low": low,
        "high": high,
        "good": evidence.good,
        "bad": evidence.bad,
    }
    names = network.entities["name"].to_numpy(dtype=object)
    frame = pd.DataFrame(
        {
            "creditor_id": network.ids[creditor],
            "obligor_id": network.ids[obligor],
            "source": source,
            "prior": prior,
            **{name: np.where(seen, np.append(values, np.nan)[place], np.nan) for name, values in figures.items()},
            "trials": np.where(seen, np.append(evidence.trials, 0)[place], 0),
            "newest": np.where(
                seen, np.append(evidence.newest, np.datetime64("NaT", "s"))[place], np.datetime64("NaT", "s")
            ),
            "relation": at_stake.reindex(pair).fillna(0.0).to_numpy(),
            "currency": network.currency,
            "creditor_name": names[creditor],
            "obligor_name": names[obligor],
        }
    )
    order = frame.assign(rounded=frame["relation"].round(6), creditor=creditor, obligor=obligor).sort_values(
        ["rounded", "creditor", "obligor"], ascending=[False, True, True], kind="stable"
    )
    return frame.loc[order.index, [column.name for column in RESULTS["exposure_trust"]]]


def _weighted(rows: pd.DataFrame, column: str) -> float | None:
    """Return the mean of a belief by money at stake; None where nothing is."""
    total = float(rows["relation"].sum())
    return float((rows[column] * rows["relation"]).sum()) / total if total > 0 else None


def _headline(rows: pd.DataFrame, known: pd.DataFrame) -> tuple[Sentence, ...]:
    counts = {"pairs": len(rows), "known": len(known), "trials": int(known["trials"].sum())}
    prior, trust = _weighted(known, "prior"), _weighted(known, "trust")
    if prior is None or trust is None:
        return (Sentence("trust_counts", counts),)
    weighed = {"relation": float(known["relation"].sum()), "prior": prior, "trust": trust}
    return (Sentence("trust_counts", counts), Sentence("trust_weighed", weighed))
