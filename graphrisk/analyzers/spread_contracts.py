"""What one entity gains and loses in a spread, contract by contract and round by round.

A set of contracts of one record has a level at every moment of a run: what is paid on each, what is kept of it, what
it is worth. A loss is a fall of that level (for a guarantee that one pays, a rise). All levels are worked out from the
state that the model hands over after each round, on the few contracts of the entity alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.analyzers.spread import Posed
from graphrisk.models.arrays import SLACK, Positions, Vector, sum_at
from graphrisk.models.spread import CHANGE, ROUNDING, State
from graphrisk.models.trust import at_first_point
from graphrisk.network.contracts import invoice_claims, last_sales, loan_shares, open_invoices, trade_credit
from graphrisk.network.reading import Reading
from graphrisk.network.stakes import guarantee_stakes, implied_receivables, lent_shares

Codes = NDArray[np.object_]

#: What a row can tell of, in the order in which rows stand.
RECORDS = (
    "withheld",
    "shortfall",
    "guarantee_received",
    "guarantee_paid",
    "credit",
    "trust",
    "financing",
    "passed_on",
    "project",
    "covenant",
)

#: What a contract is called by the kind of line that it gives.
LINE_KINDS = {"undrawn": "facility", "rolled": "advance", "terms": "trade_credit", "project": "project"}


@dataclass(frozen=True, slots=True)
class Moment:
    """A state of a run, and what it says of every debtor.

    Attributes
    ----------
    state : State
        Where the run stands.
    open : ndarray of shape (items,)
        What is due of each item less what is withheld of it.
    ratio : ndarray of shape (n,)
        Share that each entity pays of what it does not withhold.
    baseline : bool
        Whether it is the baseline, in which nothing is withheld.
    """

    state: State
    open: Vector
    ratio: Vector
    baseline: bool


def moment_of(posed: Posed, state: State, *, baseline: bool) -> Moment:
    """Return a state with the shares that debtors pay in it.

    Parameters
    ----------
    posed : Posed
        The question.
    state : State
        Where the run stands.
    baseline : bool
        Whether nothing is withheld.

    Returns
    -------
    Moment
    """
    system, shock = posed.system, posed.shock
    item_open = system.item_due if baseline else system.item_due - shock.withheld
    payable = sum_at(system.item_debtor, item_open, system.n) + (system.excess if baseline else 0.0)
    ratio = np.divide(state.payment, payable, out=np.zeros(system.n), where=payable > 0)
    return Moment(state, item_open, ratio, baseline)


@dataclass(frozen=True, slots=True)
class Focus:
    """One entity of a spread, and the book that its contracts stand in.

    Attributes
    ----------
    posed : Posed
        The question.
    entity : int
        Position of the entity that is asked about.
    read : Reading
        The book at the date.
    shares : DataFrame
        Shares of loans: loan_id, borrower, lender (positions), share, and in units of the reporting currency lent and
        uncovered, which is what collateral leaves of it.
    invoices, claims, credit : DataFrame
        Open invoices, who is owed them, and trade credit, see `graphrisk.network.contracts`.
    """

    posed: Posed
    entity: int
    read: Reading
    shares: pd.DataFrame
    invoices: pd.DataFrame
    claims: pd.DataFrame
    credit: pd.DataFrame

    @classmethod
    def on(cls, posed: Posed, entity: int) -> "Focus":
        """Read the contracts of a book again: a network keeps their sums alone."""
        read = posed.network.reading()
        shares = loan_shares(read)
        lent, uncovered = lent_shares(read, shares)
        invoices = open_invoices(read)
        return cls(
            posed,
            entity,
            read,
            shares.assign(lent=lent, uncovered=uncovered),
            invoices,
            invoice_claims(invoices),
            trade_credit(last_sales(read)),
        )

    def due_dates(self, kinds: Codes, ids: Codes) -> NDArray[np.datetime64]:
        """Return when contracts fall due: the earliest unpaid instalment of a loan, an invoice's own day."""
        rows = self.read.ledger.instalments
        unpaid = (rows["principal_unpaid"] + rows["interest_unpaid"] > 0).to_numpy()
        wanted = rows[unpaid & rows["loan_id"].isin(set(ids[kinds == "loan"])).to_numpy()]
        loans = wanted.groupby("loan_id")["due_date"].min()
        invoices = self.invoices.set_index("invoice_id")["due_date"]
        days = np.where(kinds == "loan", loans.reindex(ids).to_numpy(), invoices.reindex(ids).to_numpy())
        return days.astype("datetime64[s]")

    def days_of(self, table: str, key: str, column: str, ids: Codes) -> NDArray[np.datetime64]:
        """Return a date that a table holds for each id."""
        rows = self.read.tables[table].drop_duplicates(key).set_index(key)[column]
        return rows.reindex(ids).to_numpy().astype("datetime64[s]")


@dataclass(frozen=True, slots=True)
class Contracts:
    """Contracts of one record of an entity.

    Attributes
    ----------
    record, column : str
        What they tell of (one of `RECORDS`), and which column of the spread their amounts add up to; a blank column:
        none, their level is a ratio.
    counterparty : ndarray of shape (k,), int
        Position of the other side, -1 for none.
    kind, id : ndarray of shape (k,), object
        Kind and id of the contract; None without an id.
    date : ndarray of shape (k,), datetime64
        NaT for none.
    level : callable
        Moment to the level of each, of shape (k,).
    clause : callable
        Moment to the code of what made each level, of shape (k,).
    sign : float
        1: a fall of the level is an amount above 0; -1: a rise is.
    always : bool
        Whether a contract whose level never changes has a row too.
    """

    record: str
    column: str
    counterparty: Positions
    kind: Codes
    id: Codes
    date: NDArray[np.datetime64]
    level: Callable[[Moment], Vector]
    clause: Callable[[Moment], Codes]
    sign: float = 1.0
    always: bool = False


@dataclass(slots=True)
class Watch:
    """What is kept of a run: each change of each contract's level, by round.

    A change below a billionth of what a contract has lost so far waits for a later round; at the end it is part of
    the contract's last row, so that rows add up to the whole.

    Attributes
    ----------
    posed : Posed
        The question.
    contracts : sequence of Contracts
        What is watched.
    """

    posed: Posed
    contracts: Sequence[Contracts]
    _first: list[Vector] = field(default_factory=list)
    _last: list[Vector] = field(default_factory=list)
    _rows: list[pd.DataFrame] = field(default_factory=list)

    def __call__(self, number: int, state: State) -> None:
        """Note a round; that of 0 is the baseline at rest."""
        moment = moment_of(self.posed, state, baseline=number == 0)
        levels = [every.level(moment) for every in self.contracts]
        if number == 0:
            self._first, self._last = levels, [level.copy() for level in levels]
            return
        for place, (every, level) in enumerate(zip(self.contracts, levels, strict=True)):
            first, last = self._first[place], self._last[place]
            least = np.maximum(CHANGE * np.abs(level - first), ROUNDING * np.abs(first))
            changed = np.flatnonzero(np.abs(level - last) > least)
            if changed.size:
                levels_of = last[changed], level[changed]
                self._add(place, changed, number, levels_of, every.clause(moment)[changed])
                last[changed] = level[changed]

    def _add(self, place: int, at: Positions, number: int | None, levels: tuple[Vector, Vector], clause: Codes) -> None:
        before, after = levels
        rows = {"place": place, "at": at, "round": number, "before": before, "after": after, "clause": clause}
        self._rows.append(pd.DataFrame(rows).astype({"round": "Int64", "clause": object}))

    def rows(self, end: State) -> pd.DataFrame:
        """Return the changes.

        Parameters
        ----------
        end : State
            The run at rest.

        Returns
        -------
        DataFrame
            place (of the contracts), at (position in them), round (missing where nothing changed), before, after,
            amount, clause; the rows of one contract in the order of rounds.
        """
        moment = moment_of(self.posed, end, baseline=False)
        finals = [every.level(moment) for every in self.contracts]
        for place, every in enumerate(self.contracts):
            if every.always:
                told = [rows["at"].to_numpy() for rows in self._rows if rows["place"].iloc[0] == place]
                rest = np.setdiff1d(np.arange(len(every.id)), np.concatenate([*told, np.zeros(0, dtype=np.int64)]))
                level = finals[place][rest]
                if rest.size:
                    self._add(place, rest, None, (level, level), every.clause(moment)[rest])
        if not self._rows:
            self._add(0, np.zeros(0, dtype=np.int64), None, (np.zeros(0), np.zeros(0)), np.zeros(0, dtype=object))
        rows = pd.concat(self._rows, ignore_index=True)
        last = ~rows.duplicated(["place", "at"], keep="last")
        final = [finals[place][at] for place, at in zip(rows["place"][last], rows["at"][last], strict=True)]
        rows.loc[last, "after"] = final
        sign = np.array([every.sign for every in self.contracts])[rows["place"]]
        return rows.assign(amount=sign * (rows["before"] - rows["after"]))


def _same(code: str, size: int) -> Callable[[Moment], Codes]:
    return lambda _: np.full(size, code, dtype=object)


def due_contracts(focus: Focus) -> list[Contracts]:
    """Return what is due to an entity, and what it owes: withheld, paid less, passed on."""
    posed, entity = focus.posed, focus.entity
    items = posed.network.items
    withheld = posed.shock.withheld
    owed, owes = items.creditor == entity, items.debtor == entity
    plan = (
        ("withheld", "cash_shortfall", np.flatnonzero(owed & (withheld > 0)), items.debtor),
        ("shortfall", "cash_shortfall", np.flatnonzero(owed), items.debtor),
        ("withheld", "overdue_total", np.flatnonzero(owes & (withheld > 0)), items.creditor),
        ("passed_on", "passed_on", np.flatnonzero(owes), items.creditor),
    )
    found = []
    for record, column, at, other in plan:
        paid = _withheld(withheld[at]) if record == "withheld" else _paid(at, posed)
        found.append(
            Contracts(
                record=record,
                column=column,
                counterparty=other[at],
                kind=items.kind[at],
                id=items.id[at],
                date=focus.due_dates(items.kind[at], items.id[at]),
                level=paid,
                clause=_same("withheld" if record == "withheld" else "short_of_means", len(at)),
            )
        )
    return [*found, *_excess(focus)]


def _withheld(amount: Vector) -> Callable[[Moment], Vector]:
    """Return the level of what is withheld: whole in the baseline, nothing in the run."""
    return lambda moment: amount * float(moment.baseline)


def _paid(at: Positions, posed: Posed) -> Callable[[Moment], Vector]:
    """Return the level of what is paid of what is not withheld in the run."""
    left = posed.system.item_due[at] - posed.shock.withheld[at]
    debtor = posed.system.item_debtor[at]
    return lambda moment: left * moment.ratio[debtor]


def _excess(focus: Focus) -> list[Contracts]:
    """Return what the subject withholds beyond all that it owes in the data."""
    excess = focus.posed.shock.excess
    if focus.entity != focus.posed.subject or excess <= 0:
        return []
    return [
        Contracts(
            record="withheld",
            column="overdue_total",
            counterparty=np.array([-1]),
            kind=np.array(["outside"], dtype=object),
            id=np.array([None], dtype=object),
            date=np.array(["NaT"], dtype="datetime64[s]"),
            level=_withheld(np.array([excess])),
            clause=_same("withheld", 1),
        )
    ]


def line_contracts(focus: Focus, clause: Callable[[Moment], Codes]) -> Contracts:
    """Return the financing that others give an entity.

    Parameters
    ----------
    focus : Focus
        The entity.
    clause : callable
        Moment to what keeps or cuts each line.
    """
    lines = focus.posed.network.lines
    at = np.flatnonzero(lines.holder == focus.entity)
    kind = np.array([LINE_KINDS[name] for name in lines.kind[at]], dtype=object)
    date = np.full(len(at), "NaT", dtype="datetime64[s]")
    facility, advance = kind == "facility", kind == "advance"
    date[facility] = focus.days_of("facilities", "facility_id", "expiry", lines.id[at][facility])
    date[advance] = focus.days_of("invoices", "invoice_id", "due_date", lines.id[at][advance])
    return Contracts(
        record="financing",
        column="financing_loss",
        counterparty=lines.giver[at],
        kind=kind,
        id=np.array([name or None for name in lines.id[at]], dtype=object),
        date=date,
        level=lambda moment: lines.amount[at] * moment.state.kept[at],
        clause=clause,
        always=True,
    )


def credit_contracts(focus: Focus) -> Contracts:
    """Return the loans that an entity gave, each worth its balance less what is lost of it once its debtor defaults."""
    rules, shares = focus.posed.rules, focus.shares
    mine = shares[(shares["lender"] == focus.entity).to_numpy() & (shares["lent"] > 0).to_numpy()]
    debtor = mine["borrower"].to_numpy(dtype=np.int64)
    lost = loss_given_default(focus)[debtor] * mine["uncovered"].to_numpy(dtype=np.float64)
    balance = mine["lent"].to_numpy(dtype=np.float64)
    kind, ids = np.full(len(mine), "loan", dtype=object), mine["loan_id"].to_numpy(dtype=object)

    def level(moment: Moment) -> Vector:
        failed = moment.state.overdue_ratio[debtor] > rules.materiality + SLACK
        left: Vector = balance - lost * failed
        return left

    return Contracts(
        record="credit",
        column="credit_loss",
        counterparty=debtor,
        kind=kind,
        id=ids,
        date=focus.due_dates(kind, ids),
        level=level,
        clause=_same("defaulted", len(mine)),
    )


def loss_given_default(focus: Focus) -> Vector:
    """Return the share of its debt that is lost when each entity defaults: its own figure, else that of the rules."""
    own = focus.posed.network.loss_given_default
    return np.where(np.isnan(own), focus.posed.rules.loss_given_default, own)


def trust_contracts(focus: Focus) -> Contracts:
    """Return what others have at stake in an entity: money x their belief in it x what distrust leaves of that."""
    network, entity = focus.posed.network, focus.entity
    stakes = _stakes(focus)
    holder = stakes["holder"].to_numpy(dtype=np.int64)
    belief = network.trust[:, [entity]].toarray().ravel()
    worth = stakes["amount"].to_numpy(dtype=np.float64) * belief[holder]
    kind, ids = stakes["kind"].to_numpy(dtype=object), stakes["id"].to_numpy(dtype=object)
    date = focus.due_dates(kind, ids)
    backed = kind == "guarantee"
    date[backed] = focus.days_of("guarantees", "guarantee_id", "start", ids[backed])
    rules = focus.posed.behaviour

    def clause(moment: Moment) -> Codes:
        z = float(moment.state.distrust[entity])
        own = own_distrust(moment, rules.a, rules.phi, entity)
        code = "own_overdue" if own >= z - SLACK else "reflected" if own <= 0 else "own_and_reflected"
        return np.full(len(worth), code, dtype=object)

    return Contracts(
        record="trust",
        column="trust_loss",
        counterparty=holder,
        kind=kind,
        id=np.array([None if name == "" else name for name in ids], dtype=object),
        date=date,
        level=lambda moment: worth * (1 - moment.state.distrust[entity]),
        clause=clause,
    )


def own_distrust(moment: Moment, a: float, phi: Vector | None, entity: int) -> float:
    """Return the distrust in an entity that its own overdue ratio makes."""
    h = moment.state.overdue_ratio[[entity]]
    return float((np.minimum(1.0, a * h) if phi is None else at_first_point(phi, h))[0])


def _stakes(focus: Focus) -> pd.DataFrame:
    """Return who has what at stake in an entity: loans, open invoices, trade credit beyond them, guarantees."""
    entity, n, guarantees = focus.entity, focus.posed.network.n, focus.posed.network.guarantees
    shares, claims, credit = focus.shares, focus.claims, focus.credit
    lent = shares[shares["borrower"] == entity]
    billed = claims[claims["debtor"] == entity]
    implied = credit.assign(amount=implied_receivables(focus.invoices, credit))[credit["buyer"] == entity]
    backed = np.flatnonzero(guarantees.debtor == entity)
    stake = guarantee_stakes(guarantees.share[backed], guarantees.cap[backed], guarantees.outstanding[backed])
    parts = [
        _stake("loan", lent["lender"], lent["loan_id"], lent["lent"]),
        _stake("invoice", billed["creditor"], billed["invoice_id"], billed["amount"]),
        _stake("trade_credit", implied["seller"], pd.Series("", index=implied.index), implied["amount"]),
        _stake("guarantee", guarantees.guarantor[backed], guarantees.id[backed], stake),
    ]
    frame = pd.concat(parts, ignore_index=True)
    inside = (frame["holder"] >= 0) & (frame["holder"] < n) & (frame["amount"] > 0)
    return frame[inside].reset_index(drop=True)


def _stake(
    kind: str, holder: pd.Series | Positions, ids: pd.Series | Codes, amount: pd.Series | Vector
) -> pd.DataFrame:
    columns = {
        "kind": np.full(len(ids), kind, dtype=object),
        "holder": np.asarray(holder, dtype=np.int64),
        "id": np.asarray(ids, dtype=object),
        "amount": np.asarray(amount, dtype=np.float64),
    }
    return pd.DataFrame(columns).astype({"kind": object, "id": object})
