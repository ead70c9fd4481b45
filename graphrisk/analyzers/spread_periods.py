"""A spread over several horizons: what a run leaves unpaid grows older, and the next run meets what it became."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd

from graphrisk.analyzers.spread import Asked, Posed, figure, named, pose, reactions_numbers, rows_of
from graphrisk.analyzers.spread_roll import Moves, roll
from graphrisk.ledger.classes import buckets
from graphrisk.models.arrays import Vector
from graphrisk.models.spread import Spread, hops
from graphrisk.models.trust import at_first_point
from graphrisk.network import Network
from graphrisk.network.contracts import loan_shares
from graphrisk.network.reading import Reading
from graphrisk.network.stakes import lent_shares
from graphrisk.policies.compile import points_array
from graphrisk.results import RESULTS, Result, Sentence
from graphrisk.tables.schemas import BUCKETS, FIVE_CLASSES


@dataclass(frozen=True, slots=True)
class Period:
    """One horizon of a spread over several.

    Attributes
    ----------
    number : int
        From 1.
    posed : Posed
        The question at its beginning.
    found : Spread
        What the model found.
    read : Reading
        The book at its beginning.
    moves : Moves or None
        What moved in it; None for the last, after which nothing is asked.
    extra_cost : ndarray of shape (n,)
        What borrowers owe more for it because lenders raised their rates at the distrust of the period before.
    """

    number: int
    posed: Posed
    found: Spread
    read: Reading
    moves: Moves | None
    extra_cost: Vector


def spread_periods(network: Network, asked: Asked, count: int) -> Result:
    """Find what an overdue total does over several horizons that follow each other.

    After each horizon the book is that of its last day: payments, guarantees and settlements as the run says, limits
    and terms as they were cut, cash as it was left. Then loans are accounted for anew, so that what is unpaid is
    older, its penalty and its class have moved, and the model runs again with all that the entity has past due.

    Parameters
    ----------
    network : Network
        The network at the first date; its horizon is the length of a period.
    asked : Asked
        The question; an amount of its own counts in the first period alone.
    count : int
        How many periods, at least 1.

    Returns
    -------
    Result
        Columns of ``RESULTS["spread_periods"]``: rows of the spread by period, each period's run less its own
        baseline. The summary has the entity's standing and the totals of each period, and over all periods the
        largest of each total.

    Raises
    ------
    UsageError
        If the entity is unknown, or the amount negative.
    InvalidDataError
        If cash is unknown and that is to be refused, or the book has no payments to add to.
    NotConvergedError
        If amounts still move after the last round of a period.

    Examples
    --------
    A leaves 1,000 unpaid that was due on 1 July; a month later it is 29 days past due.

    >>> from datetime import date
    >>> from graphrisk.tables.book import Tables
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> loan = {"loan_id": "L", "borrower_id": "A", "lender_id": "B", "principal": 100_000, "start_date": "2024-01-01"}
    >>> due = {"loan_id": "L", "no": 1, "due_date": "2024-07-01", "principal_due": 100_000, "interest_due": 0}
    >>> tables = Tables({"loans": SCHEMAS["loans"].frame([loan]), "schedule": SCHEMAS["schedule"].frame([due]),
    ...                  "payments": SCHEMAS["payments"].frame()})
    >>> network = Network.from_tables(tables, as_of=date(2024, 6, 30), horizon_days=30)
    >>> result = spread_periods(network, Asked("A", overdue=1000), 2)
    >>> [(row["overdue_total"], row["days_past_due"], row["bucket"]) for row in result.summary["periods"]]
    [(1000.0, 0, 'M0'), (1000.0, 29, 'M1')]
    """
    periods = run_periods(network, asked, count)
    first = periods[0].posed
    rules = first.rules
    return Result(
        command="spread_periods",
        columns=RESULTS["spread_periods"],
        rows=pd.concat([_rows(period) for period in periods], ignore_index=True),
        summary=_summary(periods),
        as_of=network.as_of,
        currency=network.currency,
        parameters={**asked.parameters(network, rules), "periods": count},
        conventions=dict(network.conventions),
        tables=network.tables,
        headline=_headline(periods),
        notes=(
            Sentence("spread_assumed", {"days": network.horizon_days, "reactions": rules.source}),
            Sentence("reactions_numbers", {"reactions": rules.source, **reactions_numbers(rules)}),
            Sentence("periods_rolled"),
            Sentence("periods_not_rolled"),
            *([Sentence("periods_largest")] if count > 1 else []),
            *_cost_notes(periods),
            Sentence("spread_columns"),
        ),
        detail={"cash": [_cash(period) for period in periods if period.moves is not None]},
    )


def run_periods(network: Network, asked: Asked, count: int) -> tuple[Period, ...]:
    """Run the model over periods, the book rolled forward in between.

    Parameters
    ----------
    network, asked, count
        As in `spread_periods`.

    Returns
    -------
    tuple of Period
    """
    found: list[Period] = []
    for number in range(1, count + 1):
        posed = pose(network, asked if number == 1 else replace(asked, overdue=None))
        spread = posed.solve(asked)
        read, moves = network.reading(), None
        raised = extra_cost(found[-1], network, read) if found else np.zeros(network.n)
        if number < count:
            rolled = roll(posed, spread.run, read, number)
            moves = rolled.moves
            network = Network.from_tables(
                rolled.tables,
                as_of=network.as_of + timedelta(days=network.horizon_days),
                horizon_days=network.horizon_days,
                conventions=network.conventions,
                currency=network.currency,
                assume_unpaid=True,
                trust=network.trust_source,
            )
        found.append(Period(number, posed, spread, read, moves, raised))
    return tuple(found)


def extra_cost(before: Period, network: Network, read: Reading) -> Vector:
    """Return what raised rates cost each borrower in a period: a figure beside the losses, not paid inside it.

    Parameters
    ----------
    before : Period
        The period before, whose distrust, in its run beyond its baseline, lenders answer.
    network : Network
        The network at the beginning of the period.
    read : Reading
        Its book.

    Returns
    -------
    ndarray of shape (n,)
        Outstanding principal x rate added x days / days of a year.
    """
    rules, n = before.posed.rules, network.n
    cost = np.zeros(n)
    if not rules.rate_rise:
        return cost
    shares = loan_shares(read)
    lent, _ = lent_shares(read, shares)
    ids, kinds = read.ids, dict(zip(network.ids, network.entities["kind"].fillna(""), strict=True))
    known = before.posed.network.ids
    distrust = {
        name: pd.Series(state.distrust, index=known).reindex(network.ids).fillna(0.0).to_numpy()
        for name, state in (("run", before.found.run), ("baseline", before.found.baseline))
    }
    given = read.tables["loans"].drop_duplicates("loan_id").set_index("loan_id")["day_count"]
    count = given.reindex(shares["loan_id"]).fillna(network.conventions.day_count).to_numpy(dtype=object)
    year = np.where(np.isin(count, ("ACT/365", "ACT/ACT")), 365.0, 360.0)
    borrower, lender = shares["borrower"].to_numpy(dtype=np.int64), shares["lender"].to_numpy(dtype=np.int64)
    for giver in np.unique(lender).tolist():
        table = next(
            (
                rules.rate_rise[key]
                for key in (ids[giver], kinds.get(ids[giver]), "financier")
                if key in rules.rate_rise
            ),
            None,
        )
        if table is not None:
            own = np.flatnonzero(lender == giver)
            points = points_array(table)
            run, baseline = (at_first_point(points, z[borrower[own]]) for z in (distrust["run"], distrust["baseline"]))
            np.add.at(cost, borrower[own], lent[own] * (run - baseline) * network.horizon_days / year[own])
    return cost


def _rows(period: Period) -> pd.DataFrame:
    posed, cost = period.posed, period.extra_cost
    network = posed.network
    rows = rows_of(network, period.found, posed.subject, hops(posed.system, posed.subject), also=cost > 0)
    rows.insert(0, "period", period.number)
    rows["extra_cost"] = cost[network.ids.get_indexer(pd.Index(rows["entity_id"]))]
    return rows[[column.name for column in RESULTS["spread_periods"]]]


#: The totals of a period.
TOTALS = ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss")
#: What the summary has the largest of, over periods.
LARGEST = (*TOTALS, "absorbed_outside", "vanished", "overdue_total", "first_round_loss", "amplification")


def _standing(period: Period) -> dict[str, object]:
    """Return how the entity stands at the beginning of a period, and what the period brings to everybody."""
    posed, found = period.posed, period.found
    network = posed.network
    totals = {name: float(getattr(found, name).sum()) for name in TOTALS}
    totals["cash_shortfall"] += found.absorbed_outside
    return {
        "period": period.number,
        "as_of": network.as_of.isoformat(),
        "overdue_total": found.withheld,
        **_loans(period),
        **totals,
        "absorbed_outside": found.absorbed_outside,
        "first_round_loss": figure(found.first_round_loss),
        "vanished": found.vanished,
        "extra_cost": float(period.extra_cost.sum()),
        "amplification": figure(found.amplification),
        "rounds": found.rounds,
        "defaulted_entities": int(found.defaulted.sum()),
    }


def _loans(period: Period) -> dict[str, object]:
    """Return days past due and their bucket (of invoices too), class and penalty (of loans) as a period begins."""
    posed, read = period.posed, period.read
    network, loans = posed.network, read.ledger.loans
    mine = loans[(loans["borrower_id"] == network.ids[posed.subject]) & loans["on_book"].to_numpy(dtype=bool)]
    late = network.days_past_due[[posed.subject]]
    five_class = max((FIVE_CLASSES.index(code) for code in mine["five_class"]), default=0)
    penalty = np.nan_to_num(read.money(mine["penalty"], mine["currency"]))
    return {
        "days_past_due": int(late[0]),
        "bucket": BUCKETS[int(buckets(late)[0])],
        "five_class": FIVE_CLASSES[five_class],
        "penalty": float(penalty.sum()),
    }


def _summary(periods: Sequence[Period]) -> dict[str, object]:
    """Return each period, and the largest of each figure over all of them.

    A later period finds the arrears of the earlier ones again, so that losses of several periods are levels of the
    same claims and no sum of them means anything. What raised rates cost is of each period alone, and adds up.
    """
    told = [_standing(period) for period in periods]

    def figures(name: str) -> list[float]:
        return [float(row[name]) for row in told if row[name] is not None]  # type: ignore[arg-type]  # figures all

    largest = {name: max(figures(name), default=None) for name in LARGEST}
    return {"periods": told, **largest, "extra_cost": sum(figures("extra_cost"))}


def _headline(periods: Sequence[Period]) -> tuple[Sentence, ...]:
    """Return a sentence a period."""
    first = periods[0].posed
    who = named(first.network, first.subject)
    told = (_standing(period) for period in periods)
    said = [
        Sentence(
            "periods_row",
            {
                **who,
                **{name: row[name] for name in ("overdue_total", "penalty", *TOTALS, "bucket", "five_class")},
                "number": row["period"],
                "as_of": row["as_of"],
                "days": row["days_past_due"],
            },
        )
        for row in told
    ]
    return tuple(said)


def _cost_notes(periods: Sequence[Period]) -> tuple[Sentence, ...]:
    """Say what raised rates cost, and whom most; nothing where no rate is raised."""
    said = []
    for period in periods:
        cost, network = period.extra_cost, period.posed.network
        if cost.sum() > 0:
            order = np.argsort(-cost, kind="stable")[:3]
            who = tuple(
                Sentence("who_amount", {**named(network, int(k)), "amount": float(cost[k])})
                for k in order
                if cost[k] > 0
            )
            fields = {"number": period.number, "amount": float(cost.sum()), "who": who}
            said.append(Sentence("periods_extra_cost", fields))
    return tuple(said)


def _cash(period: Period) -> dict[str, object]:
    """Return a period's cash, of the entities and of those outside the data: before, after, and what moved."""
    moves, n = period.moves, period.posed.system.n
    if moves is None:
        raise ValueError("nothing moves after the last period")
    return {
        "period": period.number,
        "cash_before": float(moves.cash_before[:n].sum()),
        "cash_after": float(moves.cash_after[:n].sum()),
        "outside": float(moves.cash_after[n:].sum()),
        "paid": float(moves.paid.sum()),
        "guaranteed": float(moves.guaranteed.sum()),
        "drawn": float(moves.drawn.sum()),
        "withdrawn": float(moves.lost.sum()),
    }
