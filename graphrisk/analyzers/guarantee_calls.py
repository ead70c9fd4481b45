"""Guarantee calls: who pays, in which order, to which cap and out of what, if a debtor leaves an amount unpaid.

One run of the spread model without feedback, so that every figure is that of ``spread --no-feedback``. A guarantor pays
from what its own obligations leave, so a call alone never makes it default, and what it cannot pay falls on the
creditor. A creditor that lacks cash may leave its own debts unpaid: then the guarantees of those are called in a later
round.

Civil Code of China, art. 687 (a general guarantor pays after enforcement against the debtor has failed), art. 700 (who
has paid has recourse against the debtor).
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from graphrisk.analyzers.guarantees import InForce, not_counted
from graphrisk.analyzers.spread import NOISE, Asked, Solved, callable_guarantees, named, solved
from graphrisk.models.arrays import SLACK, Flags, Positions, Vector, sum_at
from graphrisk.models.guarantees import call_levels
from graphrisk.models.spread import State
from graphrisk.network import Network
from graphrisk.policies.schema import Reactions
from graphrisk.results import RESULTS, Result, Sentence

#: Guarantors that a sentence names.
NAMED = 3


@dataclass
class FirstFall:
    """The first round in which each entity pays less than in the baseline; to be given the rounds of a run.

    Attributes
    ----------
    round : ndarray of shape (n,), int
        -1 where it never does.
    """

    round: Positions = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    _before: Vector = field(default_factory=lambda: np.zeros(0), repr=False)

    def see(self, number: int, state: State) -> None:
        """Take note of a round; that of 0 is the baseline's rest."""
        if number == 0:
            self._before = state.payment.copy()
            self.round = np.full(len(state.payment), -1, dtype=np.int64)
            return
        fell = self._before - state.payment > NOISE * self._before
        self.round[fell & (self.round < 0)] = number


@dataclass(frozen=True, slots=True)
class Called:
    """How guarantees are called in a state of the spread model.

    Attributes
    ----------
    unpaid : ndarray of shape (items,)
        What debtors leave unpaid of each item, before any guarantor.
    before, wanted, surplus, paid : ndarray of shape (g,)
        What debtors leave unpaid of what each covers; what is asked of its guarantor; what that one has left beyond its
        own obligations and its earlier calls; what it pays.
    left : ndarray of shape (items,)
        What is still unpaid of each item after all guarantors.
    """

    unpaid: Vector
    before: Vector
    wanted: Vector
    surplus: Vector
    paid: Vector
    left: Vector


def called_in(done: Solved, state: State, *, withheld: Vector | None) -> Called:
    """Call the guarantees of a state once more, one after the other, and say what was asked of each.

    Parameters
    ----------
    done : Solved
        The spread model at rest.
    state : State
        Its baseline or its run.
    withheld : ndarray of shape (items,) or None
        What is withheld in it; None in the baseline.

    Returns
    -------
    Called
    """
    system = done.system
    opened = system.item_due if withheld is None else system.item_due - withheld
    payable = sum_at(system.item_debtor, opened, system.n) + (system.excess if withheld is None else 0.0)
    ratio = np.divide(state.payment, payable, out=np.zeros(system.n), where=payable > 0)
    unpaid = np.maximum(0.0, system.item_due - opened * ratio[system.item_debtor])
    surplus = np.maximum(0.0, state.before_floor - system.obligation)
    covers = np.diff(system.cover_start)
    owner = np.repeat(np.arange(len(covers)), covers)
    before, left = sum_at(owner, unpaid[system.cover], len(covers)), unpaid.copy()
    wanted = np.zeros(len(covers))
    asked = np.flatnonzero(before > 0)  # the others pay nothing and change nothing
    start, cover = np.r_[0, np.cumsum(covers[asked])], system.cover[before[owner] > 0]
    for level in call_levels(system.guarantor[asked], start, cover):
        g, size = asked[level.guarantee], len(level.guarantee)
        still = sum_at(level.entry_of, left[level.entry], size)
        wanted[g] = np.minimum(np.minimum(system.guarantee_cap[g], system.guarantee_share[g] * before[g]), still)
        part = np.divide(state.called[g], still, out=np.zeros(size), where=still > 0)
        left[level.entry] *= np.maximum(0.0, 1.0 - part[level.entry_of])
    return Called(
        unpaid, before, wanted, surplus[system.guarantor] - _earlier(state.called, system), state.called, left
    )


def _earlier(called: Vector, system: Any) -> Vector:
    """Return what each guarantor paid on its earlier guarantees; the order of call is that of the array."""
    order = np.argsort(system.guarantor, kind="stable")
    who = system.guarantor[order]
    earlier = np.zeros(len(order))
    if len(order):
        total = np.cumsum(called[order]) - called[order]
        first = np.searchsorted(who, who)
        earlier[order] = total - total[first]
    return earlier


@dataclass(frozen=True)
class Cascade:
    """A debtor's unpaid amount, and the guarantees that answer for it.

    Attributes
    ----------
    held : InForce
    done : Solved
        The spread model at rest, without feedback.
    fall : FirstFall
    base, run : Called
        Guarantees in the baseline and in the run.
    """

    held: InForce
    done: Solved
    fall: FirstFall
    base: Called
    run: Called

    @property
    def floor(self) -> float:
        """The amount below which a difference is rounding."""
        return max(NOISE * float(self.done.shock.withheld.sum()), self.done.found.certificate)

    @property
    def own(self) -> Flags:
        """Which items the debtor that is asked about owes, of shape (items,)."""
        return np.asarray(self.done.system.item_debtor == self.done.subject)

    @property
    def kept(self) -> Vector:
        """What of the rise creditors bear after all guarantors, of shape (items,)."""
        return self.run.left - self.base.left

    def sum(self, amount: Vector) -> float:
        """Return the sum of an amount by item; 0 where it is rounding."""
        total = float(amount.sum())
        return total if abs(total) > self.floor else 0.0

    @property
    def rise(self) -> Vector:
        """What is left unpaid of each item on account of the debtor, before any guarantor, of shape (items,)."""
        return self.run.unpaid - self.base.unpaid

    @property
    def able(self) -> Flags:
        """Which guarantees in force can pay within the horizon."""
        return callable_guarantees(self.done.network, self.done.rules)


def guarantee_calls(
    network: Network,
    entity_id: str,
    amount: float,
    *,
    reactions: Reactions | None = None,
    unknown_cash: str = "just-solvent",
    max_rounds: int = 10_000,
) -> Result:
    """Say which guarantors are called, and what each pays, if a debtor leaves an amount unpaid.

    The amount falls on what is past due first, in proportion, then on what else is due within the horizon.

    Parameters
    ----------
    network : Network
        The network.
    entity_id : str
        The debtor.
    amount : float
        What it leaves unpaid, in the reporting currency.
    reactions : Reactions or None
        Whose delay of general guarantees counts; None for the defaults.
    unknown_cash : str
        ``just-solvent``, ``zero``, ``refuse`` or days of outflow such as ``30d``.
    max_rounds : int
        Rounds after which to give up.

    Returns
    -------
    Result
        Columns of ``RESULTS["guarantees_call"]``; amounts in the reporting currency.

    Raises
    ------
    UsageError
        If the entity is unknown, or the amount negative.
    InvalidDataError
        If cash is unknown and that is to be refused.
    NotConvergedError
        If amounts still move after ``max_rounds``.

    Examples
    --------
    A leaves 80 of the 100 unpaid that it owes B. C guarantees them up to 50, and has 30.

    >>> from datetime import date
    >>> from graphrisk.tables.book import Tables
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> firms = [{"entity_id": e, "kind": "company", "cash": cash} for e, cash in [("A", 0), ("B", 0), ("C", 3_000)]]
    >>> owed = [{"invoice_id": "V", "seller_id": "B", "buyer_id": "A", "amount": 10_000, "issue_date": "2024-06-01",
    ...          "due_date": "2024-07-01"}]
    >>> rows = [{"guarantee_id": "G", "guarantor_id": "C", "debtor_id": "A", "amount": 5_000, "kind": "joint"}]
    >>> frames = {"entities": firms, "invoices": owed, "guarantees": rows}
    >>> tables = Tables({name: SCHEMAS[name].frame(frame) for name, frame in frames.items()})
    >>> found = guarantee_calls(Network.from_tables(tables, as_of=date(2024, 6, 30)), "A", 80)
    >>> found.rows[["guarantor_id", "wanted", "paid", "unmet"]].values.tolist()
    [['C', 50.0, 30.0, 20.0]]
    """
    asked = Asked(entity_id, amount, reactions, False, unknown_cash=unknown_cash, max_rounds=max_rounds)  # noqa: FBT003
    fall = FirstFall()
    done = solved(network, asked, on_round=fall.see)
    found = done.found
    cascade = Cascade(
        held=InForce(network),
        done=done,
        fall=fall,
        base=called_in(done, found.baseline, withheld=None),
        run=called_in(done, found.run, withheld=done.shock.withheld),
    )
    rows = _rows(cascade)
    summary = _summary(cascade, rows)
    return Result(
        command="guarantees_call",
        columns=RESULTS["guarantees_call"],
        rows=rows,
        summary=summary,
        as_of=network.as_of,
        currency=network.currency,
        parameters={**asked.parameters(network, done.rules), "call": amount},
        conventions=dict(network.conventions),
        tables=network.tables,
        headline=_headline(cascade, rows, summary),
        notes=_notes(cascade, rows, unknown_cash),
        detail={"creditors": _creditors(cascade), "debtors": _debtors(cascade)},
    )


@dataclass(frozen=True, slots=True)
class Asks:
    """What is asked of the guarantees that cover what is left unpaid.

    Attributes
    ----------
    guarantee : ndarray of shape (k,), int
        Position among those in force.
    able : ndarray of shape (k,), bool
        Whether it can pay within the horizon.
    wanted, surplus, paid, paid_before : ndarray of shape (k,)
        What is asked of its guarantor, what that one has left for it (NaN if it pays later), what it pays in the run
        and in the baseline.
    """

    guarantee: Positions
    able: Flags
    wanted: Vector
    surplus: Vector
    paid: Vector
    paid_before: Vector


def _asks(cascade: Cascade) -> Asks:
    """Return the guarantees that cover what is left unpaid, in the order of their ids."""
    shown = np.flatnonzero(cascade.held.covered(cascade.rise) > cascade.floor)
    able = cascade.able[shown]
    place = np.where(able, (np.cumsum(cascade.able) - 1)[shown], -1)  # among those that can pay within the horizon

    def of(values: Vector, otherwise: float) -> Vector:
        return np.append(values, otherwise)[place]

    wanted = np.where(able, of(cascade.run.wanted, 0.0), _wanted_later(cascade)[shown])
    return Asks(
        guarantee=shown,
        able=able,
        wanted=wanted,
        surplus=of(np.maximum(0.0, cascade.run.surplus), np.nan),
        paid=of(cascade.run.paid, 0.0),
        paid_before=of(cascade.base.paid, 0.0),
    )


def _wanted_later(cascade: Cascade) -> Vector:
    """Return what is asked, once enforcement has failed, of guarantees that cannot pay within the horizon.

    They answer in their order for what all others have left, each for as much as its share and cap allow.
    """
    found = cascade.done.network.guarantees
    covers = np.diff(found.cover_start)
    owner = np.repeat(np.arange(len(covers)), covers)
    slow = ~cascade.able & (sum_at(owner, cascade.run.unpaid[found.cover], len(covers)) > 0)
    cover, later = found.cover[slow[owner]], np.flatnonzero(slow)
    start = np.r_[0, np.cumsum(covers[later])]
    left = cascade.run.left.copy()
    wanted = np.zeros(len(covers))
    for level in call_levels(found.guarantor[later], start, cover):
        g, size = later[level.guarantee], len(level.guarantee)
        before = sum_at(level.entry_of, cascade.run.unpaid[level.entry], size)
        still = sum_at(level.entry_of, left[level.entry], size)
        wanted[g] = np.minimum(np.minimum(found.cap[g], found.share[g] * before), still)
        part = np.divide(wanted[g], still, out=np.zeros(size), where=still > 0)
        left[level.entry] *= 1.0 - part[level.entry_of]
    return wanted


def _rows(cascade: Cascade) -> pd.DataFrame:
    """Return the guarantees that cover what is left unpaid, in the order in which they are called."""
    network, found = cascade.done.network, cascade.done.network.guarantees
    asks, names = _asks(cascade), network.entities["name"].to_numpy()
    shown, guarantor, debtor = asks.guarantee, found.guarantor[asks.guarantee], found.debtor[asks.guarantee]
    unpaid = cascade.held.covered(cascade.run.unpaid)[shown]
    late = np.datetime64(network.as_of + timedelta(days=cascade.done.rules.general_delay_days), "s")
    frame = pd.DataFrame(
        {
            "round": pd.array(_rounds(cascade)[debtor], dtype="Int64"),
            "guarantee_id": found.id[shown],
            "guarantor_id": network.ids[guarantor],
            "guarantor_name": names[guarantor],
            "debtor_id": network.ids[debtor],
            "debtor_name": names[debtor],
            "creditor_ids": cascade.held.creditor_ids(shown),
            "kind": found.kind[shown],
            "status": _status(asks, SLACK * unpaid),
            "share": found.share[shown],
            "unpaid": unpaid,
            "wanted": asks.wanted,
            "cap": np.where(np.isinf(found.cap), np.nan, found.cap)[shown],
            "surplus": asks.surplus,
            "paid": asks.paid,
            "paid_before": asks.paid_before,
            "unmet": np.where(asks.able, np.maximum(0.0, asks.wanted - asks.paid), np.nan),
            "recourse": asks.paid,
            "behind": _behind(cascade, guarantor),
            "pays_from": np.where(asks.able, np.datetime64("NaT", "s"), late),
        }
    )
    frame.loc[frame["round"] < 1, "round"] = pd.NA
    frame = frame.sort_values(["round", "guarantee_id"], kind="stable").reset_index(drop=True)
    frame.insert(0, "order", np.arange(1, len(frame) + 1))
    return frame


def _rounds(cascade: Cascade) -> Positions:
    """Return the first round in which each entity pays less, the debtor itself in the first; -1 for never."""
    found = cascade.fall.round.copy()
    found[cascade.done.subject] = 1
    return found


def _status(asks: Asks, slack: Vector) -> np.ndarray:
    """Return what became of each call; an amount up to ``slack`` is rounding."""
    conditions = [~asks.able, asks.wanted <= slack, asks.paid >= asks.wanted - slack, asks.paid > slack]
    return np.select(conditions, ["later", "met", "paid_in_full", "paid_in_part"], "unable").astype(object)


def _behind(cascade: Cascade, guarantor: Positions) -> list[tuple[str, ...]]:
    """Return who answers for the debts of each guarantor."""
    found, ids = cascade.done.network.guarantees, cascade.done.network.ids
    wanted = np.unique(guarantor)
    of = np.isin(found.debtor, wanted)
    behind: dict[int, list[str]] = {}
    for who, other in sorted(set(zip(found.debtor[of].tolist(), found.guarantor[of].tolist(), strict=True))):
        behind.setdefault(who, []).append(str(ids[other]))
    return [tuple(behind.get(who, ())) for who in guarantor.tolist()]


def _summary(cascade: Cascade, rows: pd.DataFrame) -> dict[str, Any]:
    done, found = cascade.done, cascade.done.network.guarantees
    withheld, floor, own = done.shock.withheld, cascade.floor, cascade.own
    any_cover = np.zeros(len(withheld), dtype=np.bool_)
    any_cover[found.cover] = True
    answered = cascade.rise - cascade.kept
    able = rows[rows["status"] != "later"]
    return {
        "overdue_total": done.found.withheld,
        "excess": done.shock.excess,
        "covered": float(withheld[any_cover].sum()),
        "called": done.found.by_channel["guarantee"],
        "called_first_round": cascade.sum(answered[own]),
        "called_later_rounds": cascade.sum(answered[~own]),
        "unmet": float(able["unmet"].sum()),
        "later": float(rows.loc[rows["status"] == "later", "wanted"].sum()),
        "unpaid_more": cascade.sum((cascade.rise - withheld)[own]),
        "unpaid_later_rounds": cascade.sum(cascade.rise[~own]),
        "left_first_round": cascade.sum(cascade.kept[own]),
        "left_later_rounds": cascade.sum(cascade.kept[~own]),
        "left_to_creditors": cascade.sum(cascade.kept),
        "guarantees": len(rows),
        "guarantors": int(rows["guarantor_id"].nunique()),
        "debtors_hit": int((np.abs(done.found.baseline.payment - done.found.run.payment) > floor).sum()),
        "rounds": done.found.rounds,
        "by_guarantor": _by_guarantor(rows),
    }


def _by_guarantor(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what each guarantor pays and lacks in all, those that pay most first."""
    sums = rows.groupby("guarantor_id")[["wanted", "paid", "paid_before", "unmet"]].sum()
    sums = sums.assign(more=(sums["paid"] - sums["paid_before"]).round(6)).reset_index()
    ranked = sums.sort_values(["more", "guarantor_id"], ascending=[False, True], kind="stable").drop(columns="more")
    return [
        {str(name): value if isinstance(value, str) else float(value) for name, value in row.items()}
        for row in ranked.to_dict("records")
    ]


def _creditors(cascade: Cascade) -> list[dict[str, Any]]:
    """Return what each creditor is left short of, what guarantors pay it, and what stays with it."""
    done = cascade.done
    every = done.network.ids.append(done.network.outside)
    size, creditor = done.system.size, done.system.item_creditor
    short = sum_at(creditor, cascade.rise, size)
    paid = sum_at(creditor, cascade.run.unpaid - cascade.run.left, size)
    paid = paid - sum_at(creditor, cascade.base.unpaid - cascade.base.left, size)
    touched = np.maximum(np.abs(short), np.abs(paid)) > cascade.floor
    order = [k for k in np.argsort(-short.round(6), kind="stable").tolist() if touched[k]]
    return [
        {
            "entity_id": str(every[k]),
            "unpaid": float(short[k]),
            "from_guarantors": float(paid[k]),
            "left": float(short[k] - paid[k]),
        }
        for k in order
    ]


def _debtors(cascade: Cascade) -> list[dict[str, Any]]:
    """Return who leaves more unpaid on account of the debtor, from which round on, and who stands behind."""
    done = cascade.done
    more = sum_at(done.system.item_debtor, cascade.rise, done.system.n)
    rounds, hit = _rounds(cascade), np.flatnonzero(more > cascade.floor)
    behind = _behind(cascade, hit)
    found = [
        {
            "entity_id": str(done.network.ids[k]),
            "round": int(rounds[k]),
            "unpaid": float(more[k]),
            "guarantors": list(behind[place]),
        }
        for place, k in enumerate(hit.tolist())
    ]
    return sorted(found, key=lambda row: (row["round"], -row["unpaid"], row["entity_id"]))


def _headline(cascade: Cascade, rows: pd.DataFrame, summary: dict[str, Any]) -> tuple[Sentence, ...]:
    """Return who pays for the debtor's debt and what falls on its creditors; then the same of later rounds."""
    done = cascade.done
    debtor = named(done.network, done.subject)
    if not summary["overdue_total"]:
        return (Sentence("call_nothing", debtor),)
    days = {"days": done.network.horizon_days, "excess": summary["excess"]}
    amounts = {
        **debtor,
        "overdue_total": summary["overdue_total"],
        "left": summary["left_first_round"],
        "excess": Sentence("call_not_due", days) if summary["excess"] else "",
    }
    if not len(rows):
        return (Sentence("call_uncovered", amounts), *_later(summary))
    own = _by_guarantor(rows[rows["debtor_id"] == str(done.network.ids[done.subject])])
    payers = [row for row in own if row["paid"] - row["paid_before"] > cascade.floor]
    who = tuple(
        Sentence(
            "who_amount",
            {
                **named(done.network, int(done.network.ids.get_indexer(pd.Index([row["guarantor_id"]]))[0])),
                "amount": row["paid"] - row["paid_before"],
            },
        )
        for row in payers[:NAMED]
    )
    by = "mostly" if len(payers) > NAMED else "call_by"
    amounts |= {"called": summary["called_first_round"], "covered": summary["covered"]}
    amounts["more"] = Sentence("call_more", {"more": summary["unpaid_more"]}) if summary["unpaid_more"] else ""
    told = [Sentence("call_headline", {**amounts, "who": Sentence(by, {"who": who}) if who else ""})]
    told += _later(summary)
    if summary["unmet"] > cascade.floor:
        told.append(Sentence("call_short", {"unmet": summary["unmet"]}))
    return tuple(told)


def _later(summary: dict[str, Any]) -> tuple[Sentence, ...]:
    """Return what creditors and guarantors that lack cash leave unpaid in turn, and who answers for that."""
    if not summary["unpaid_later_rounds"]:
        return ()
    of = {"unpaid": "unpaid_later_rounds", "called": "called_later_rounds", "left": "left_later_rounds"}
    return (Sentence("call_beyond", {name: summary[key] for name, key in of.items()}),)


def _notes(cascade: Cascade, rows: pd.DataFrame, unknown_cash: str) -> tuple[Sentence, ...]:
    """Return what was assumed, what pays later, what stands outside the data."""
    done, network = cascade.done, cascade.done.network
    assumed = {"days": network.horizon_days, **named(network, done.subject)}
    notes = [Sentence("call_assumed", assumed), Sentence("call_columns")]
    later = rows[rows["status"] == "later"]
    if len(later):
        fields = {
            "count": len(later),
            "wanted": float(later["wanted"].sum()),
            "start": later["pays_from"].iloc[0].date().isoformat(),
            "days": done.rules.general_delay_days,
        }
        notes.append(Sentence("call_later", fields))
    if (rows["behind"].map(len) > 0).any():
        notes.append(Sentence("call_behind"))
    if done.shock.excess > 0:
        fields = {"owed": done.shock.owed, "days": network.horizon_days, "excess": done.shock.excess}
        notes.append(Sentence("call_excess", {**named(network, done.subject), **fields}))
    called = np.isin(network.ids, rows["guarantor_id"]) & network.cash_unknown
    if called.any():
        notes.append(Sentence("guarantor_cash_unknown", {"ids": tuple(map(str, network.ids[called]))}))
        notes.append(Sentence("call_unknown_cash", {"convention": unknown_cash}))
    return (*notes, *not_counted(cascade.held))
