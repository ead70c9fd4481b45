"""The book of the next date: what a run says was paid, called, drawn and cut becomes rows of its tables.

Nothing that the run did not decide happens: no new loans but drawings under limits that were kept, no new sales, no
fresh equity. What is paid is cash of somebody else, so cash adds up over all entities and those outside the data.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from graphrisk.analyzers.spread import Posed, callable_guarantees
from graphrisk.analyzers.spread_clauses import calls_in_order
from graphrisk.analyzers.spread_contracts import moment_of
from graphrisk.errors import InvalidDataError
from graphrisk.models.arrays import Flags, Positions, Vector, sum_at
from graphrisk.models.guarantees import call_levels
from graphrisk.models.spread import CHANGE, PROJECT, ROLLED, UNDRAWN, State
from graphrisk.network.reading import Reading
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS

#: Tables of which rows dated later than a day are not known on it, and the date that says so.
_DATED = {
    "loans": "start_date",
    "payments": "paid_date",
    "snapshots": "as_of",
    "schedule": "valid_from",
    "invoices": "issue_date",
    "fx": "date",
}


def known_at(tables: Tables, day: pd.Timestamp) -> Tables:
    """Return a book without what happened later than a day.

    Parameters
    ----------
    tables : Tables
        The book.
    day : Timestamp
        The day.

    Returns
    -------
    Tables
        Later loans, payments, snapshots, plans, invoices, sales and rates of exchange are left out, and later
        settlements, confirmations, accelerations and write-offs undone. What contracts fix in advance stays.
    """
    frames = dict(tables.frames)
    for name, column in _DATED.items():
        if name in frames:
            frame = frames[name]
            frames[name] = frame[~(frame[column] > day).to_numpy(dtype=bool)]
    if "invoices" in frames:
        invoices = frames["invoices"]
        later = (invoices["settled_date"] > day).to_numpy(dtype=bool)
        unconfirmed = (invoices["confirmed_date"] > day).to_numpy(dtype=bool)
        frames["invoices"] = invoices.assign(
            settled_date=invoices["settled_date"].mask(later),
            settled_amount=invoices["settled_amount"].mask(later),
            confirmed=invoices["confirmed"].mask(unconfirmed, other=False),
            confirmed_date=invoices["confirmed_date"].mask(unconfirmed),
        )
    if "loans" in frames:
        loans = frames["loans"]
        written = (loans["status"].eq("written_off") & (loans["write_off_date"] > day)).to_numpy(dtype=bool)
        frames["loans"] = loans.assign(
            accelerated_on=loans["accelerated_on"].mask((loans["accelerated_on"] > day).to_numpy(dtype=bool)),
            status=loans["status"].mask(written, other="active"),
        )
    if "trade" in frames:
        trade = frames["trade"]
        begin = trade["period"].str.slice(0, 4) + "-" + trade["period"].str.slice(5, 7).replace("", "01")
        frames["trade"] = trade[~(begin > f"{day:%Y-%m}").to_numpy(dtype=bool)]
    return replace(tables, frames=frames, findings=(), tallies={}, quarantine={})


@dataclass(frozen=True, slots=True)
class Moves:
    """What moved in a period, in units of the reporting currency; positions as in the system.

    Attributes
    ----------
    paid : ndarray of shape (items,)
        What debtors paid.
    guarantee, guaranteed_item : ndarray of shape (calls,), int
        Guarantee (of the network) and item of each part of a call.
    guaranteed : ndarray of shape (calls,)
        What was paid.
    lost : ndarray of shape (lines,)
        What is withdrawn of each line.
    drawn : ndarray of shape (lines,)
        What is drawn of what is kept of limits and project debt, when cash does not suffice.
    cash_before, cash_after : ndarray of shape (size,)
        Cash of the period, net inflow and what was assumed for the run included, and what is left of it; below 0 is a
        need that nothing covered. Those outside the data begin with 0.
    """

    paid: Vector
    guarantee: Positions
    guaranteed_item: Positions
    guaranteed: Vector
    lost: Vector
    drawn: Vector
    cash_before: Vector
    cash_after: Vector


def moves_of(posed: Posed, run: State, read: Reading) -> Moves:
    """Return what moves in a period that ends as a run at rest says.

    Parameters
    ----------
    posed : Posed
        The question.
    run : State
        The run at rest.
    read : Reading
        The book at the beginning.

    Returns
    -------
    Moves

    Raises
    ------
    ArithmeticError
        If cash comes from nowhere or goes nowhere: a bug.
    """
    system = posed.system
    moment = moment_of(posed, run, baseline=False)
    paid = moment.open * moment.ratio[system.item_debtor]
    levels = call_levels(system.guarantor, system.cover_start, system.cover)
    unpaid = np.maximum(0.0, system.item_due - paid)
    calls = [
        (call.level.guarantee[call.level.entry_of], call.level.entry, call.paid)
        for call in calls_in_order(levels, unpaid, run.called)
    ]
    empty = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
    guarantee, item, amount = (np.concatenate(parts) for parts in zip(empty, *calls, strict=True))
    limit = (system.line_kind == UNDRAWN) | (system.line_kind == PROJECT)
    lost = system.line_amount * (1.0 - run.kept)
    before = _cash_before(posed, run, read, limit)
    drawn = _drawn(posed, run, before[: system.n], limit)
    after = before + run.received + run.receipts
    after[: system.n] -= run.payment + sum_at(system.guarantor, run.called, system.n)
    withdrawn = np.where(limit, 0.0, lost)
    settled = _advances_settled(posed, run, paid)
    to_holder = drawn - withdrawn - settled
    after += sum_at(system.line_holder, to_holder, system.size) - sum_at(system.line_giver, to_holder, system.size)
    _assert_conserved(before, after, float(np.abs(run.received).sum() + np.abs(to_holder).sum()))
    able = np.flatnonzero(callable_guarantees(posed.network, posed.rules))
    return Moves(paid, able[guarantee], item, amount, lost, drawn, before, after)


def _cash_before(posed: Posed, run: State, read: Reading, limit: Flags) -> Vector:
    """Return everyone's cash of the period: as the run had it; below 0 where it was floored."""
    system, n = posed.system, posed.system.n
    kept = system.line_amount * run.kept
    drawable = sum_at(system.line_holder, kept * limit, n)
    withdrawn = sum_at(system.line_holder, (system.line_amount - kept) * ~limit, n)
    had = run.before_floor - drawable - (run.received + run.receipts)[:n] + withdrawn
    given = read.tables["entities"].set_index("entity_id")["cash"].reindex(read.ids[:n])
    raw = np.nan_to_num(read.money(given)) + posed.network.net_inflow
    cash = np.zeros(system.size)
    cash[:n] = had + np.where(posed.network.cash_unknown, 0.0, np.minimum(0.0, raw))
    return cash


def _drawn(posed: Posed, run: State, cash: Vector, limit: Flags) -> Vector:
    """Return what is drawn of each line: cash and receipts go first, the rest is shared by what lines still offer."""
    system, n = posed.system, posed.system.n
    kept = system.line_amount * run.kept
    offered = np.where(limit, kept, 0.0)
    needed = run.payment + sum_at(system.guarantor, run.called, n)
    needed = needed + sum_at(system.line_holder, np.where(limit, 0.0, system.line_amount - kept), n)
    drawable = sum_at(system.line_holder, offered, n)
    missing = needed - np.maximum(0.0, cash) - (run.received + run.receipts)[:n]
    share = np.divide(np.clip(missing, 0.0, drawable), drawable, out=np.zeros(n), where=drawable > 0)
    return offered * share[system.line_holder]


def _advances_settled(posed: Posed, run: State, paid: Vector) -> Vector:
    """Return what the holder of each advance owes its financier because the invoice was paid.

    With recourse the seller was paid the whole invoice, so the kept advance goes back in the same proportion. Without
    it the financier was paid the advanced part; of an advance that was withdrawn in part, that part was the seller's.
    """
    system, items, lines = posed.system, posed.network.items, posed.network.lines
    rolled = np.flatnonzero(system.line_kind == ROLLED)
    settled = np.zeros(len(system.line_amount))
    invoice = items.kind == "invoice"
    of_line = pd.Index(lines.id[rolled]).get_indexer(pd.Index(items.id))
    found = np.flatnonzero(invoice & (of_line >= 0))
    line = rolled[of_line[found]]
    share = np.divide(paid[found], system.item_due[found], out=np.zeros(len(found)), where=system.item_due[found] > 0)
    to_seller = items.creditor[found] == system.line_holder[line]
    to_financier = items.creditor[found] == system.line_giver[line]
    whole = _with_recourse(posed)[line]
    kept = system.line_amount[line] * run.kept[line]
    back = np.where(whole & to_seller, kept * share, 0.0)
    back = back - np.where(~whole & to_financier, (system.line_amount[line] - kept) * share, 0.0)
    np.add.at(settled, line, back)
    return settled


def _with_recourse(posed: Posed) -> Flags:
    """Return which lines are advances for which the seller stays creditor of the whole invoice."""
    items, lines = posed.network.items, posed.network.lines
    sold = pd.MultiIndex.from_arrays([items.id[items.kind == "invoice"], items.creditor[items.kind == "invoice"]])
    asked = pd.MultiIndex.from_arrays([lines.id, lines.giver])
    financed = lines.kind == "rolled"
    own: Flags = financed & ~asked.isin(sold)
    return own


def _assert_conserved(before: Vector, after: Vector, moved: float) -> None:
    """Check that cash is neither made nor lost: a law, so a difference is a bug."""
    size = float(np.abs(before).sum()) + moved
    if abs(float(after.sum()) - float(before.sum())) > CHANGE * size:
        raise ArithmeticError(f"cash of {before.sum()!r} became {after.sum()!r}")


@dataclass(frozen=True, slots=True)
class Rolled:
    """The book of the next date.

    Attributes
    ----------
    tables : Tables
        The book.
    moves : Moves
        What moved on the way.
    """

    tables: Tables
    moves: Moves


def roll(posed: Posed, run: State, read: Reading, period: int) -> Rolled:
    """Return the book at the end of a period.

    Parameters
    ----------
    posed : Posed
        The question that was asked at its beginning.
    run : State
        The run at rest.
    read : Reading
        The book at its beginning.
    period : int
        Its number, for the ids of new rows.

    Returns
    -------
    Rolled

    Raises
    ------
    InvalidDataError
        If the book has no table of payments, and snapshots stand for what was paid of plans.
    """
    _refuse_untold(read)
    moves = moves_of(posed, run, read)
    step = _Step(posed, read, moves, known_at(read.tables, read.as_of), period)
    paid = step.loan_payments()
    frames = dict(step.tables.frames)
    frames["payments"] = step.joined("payments", step.payment_rows(paid))
    frames["snapshots"] = step.joined("snapshots", step.snapshot_rows(paid))
    frames["loans"] = step.loans(paid)
    frames["invoices"] = step.invoices()
    frames["facilities"] = step.facilities(paid)
    frames["trade"] = step.trade()
    frames["guarantees"] = step.guarantees()
    frames["projects"], frames["project_parties"] = step.projects()
    frames["entities"] = step.entities()
    there = {name: frame for name, frame in frames.items() if name in step.tables or not frame.empty}
    there["payments"] = frames["payments"]
    return Rolled(replace(step.tables, frames=there), moves)


def _refuse_untold(read: Reading) -> None:
    """Refuse a book in which a table of payments would make plans of what is known from snapshots alone."""
    if "payments" in read.tables:
        return
    loans, given = read.ledger.loans, read.tables["loans"]
    of_terms = given.loc[given["method"].notna(), "loan_id"]
    planned = loans["loan_id"].isin([*read.tables["schedule"]["loan_id"], *of_terms])
    if (planned & (loans["source"] == "snapshot")).any():
        raise InvalidDataError("periods_payments")


@dataclass(frozen=True, slots=True)
class _Step:
    """One period's moves, as changes of the tables."""

    posed: Posed
    read: Reading
    moves: Moves
    tables: Tables
    period: int

    @property
    def source(self) -> dict[str, object]:
        """Where a new row says that it came from."""
        return {"source_file": f"period {self.period}"}

    def joined(self, name: str, rows: list[dict[str, object]]) -> pd.DataFrame:
        """Return a table with new rows."""
        if not rows:
            return self.tables[name]
        new = SCHEMAS[name].frame([{**self.source, **row} for row in rows])
        return pd.concat([self.tables[name], new], ignore_index=True) if len(self.tables[name]) else new

    def minor(self, amount: Vector | pd.Series, currency: pd.Series | None = None) -> Positions:
        """Return amounts in whole minor units of a currency, those of the book where none is named."""
        units = self.read.units
        scale = (
            np.full(len(amount), units[self.tables.currency])
            if currency is None
            else currency.fillna(self.tables.currency).map(units).to_numpy(dtype=np.float64)
        )
        return np.floor(np.asarray(amount, dtype=np.float64) * scale + 0.5).astype(np.int64)

    def loan_payments(self) -> pd.DataFrame:
        """Return what each payer paid on each instalment: loan_id, payer (guarantee, -1 for the debtor), date, parts.

        What a payer pays of a loan is shared by its unpaid instalments within the horizon in proportion. Sums over
        payers are rounded, not each payer, so that a loan that is paid is paid to the minor unit.
        """
        shares = self._loan_shares()
        dues = self._dues(set(shares["loan_id"]))
        rows = dues.merge(shares, on="loan_id").sort_values(["loan_id", "instalment", "payer"], kind="stable")
        for part in ("principal", "interest"):
            upto = np.floor(rows[part] * rows["upto"] + 0.5)
            before = upto.groupby([rows["loan_id"], rows["instalment"]]).shift(fill_value=0.0)
            rows[part] = (upto - before).astype("int64")
        return rows[(rows["principal"] + rows["interest"]) > 0].reset_index(drop=True)

    def _loan_shares(self) -> pd.DataFrame:
        """Return which share of what is due of each loan each payer paid, and the running sum of these."""
        items, moves = self.posed.network.items, self.moves
        loan = items.kind == "loan"
        due = pd.Series(items.due[loan]).groupby(items.id[loan]).sum()
        called = loan[moves.guaranteed_item]
        parts = pd.DataFrame(
            {
                "loan_id": np.concatenate([items.id[loan], items.id[moves.guaranteed_item[called]]]),
                "payer": np.concatenate([np.full(int(loan.sum()), -1), moves.guarantee[called]]),
                "amount": np.concatenate([moves.paid[loan], moves.guaranteed[called]]),
            }
        )
        summed = parts.groupby(["loan_id", "payer"], sort=True)["amount"].sum().reset_index()
        share = summed["amount"] / due.reindex(summed["loan_id"]).to_numpy()
        upto = share.groupby(summed["loan_id"]).cumsum().clip(upper=1.0)
        return summed.assign(upto=upto)[["loan_id", "payer", "upto"]]

    def _dues(self, wanted: set[str]) -> pd.DataFrame:
        """Return the unpaid instalments that made up what was due of loans, in minor units of their currency."""
        read = self.read
        loans, rows = read.ledger.loans, read.ledger.instalments
        called = set(loans.loc[loans["accelerated"].to_numpy(dtype=bool), "loan_id"])
        unpaid = (rows["principal_unpaid"] + rows["interest_unpaid"] > 0) & (rows["due_date"] <= read.until)
        own = rows[unpaid & rows["loan_id"].isin(wanted - called)]
        dues = pd.DataFrame(
            {
                "loan_id": own["loan_id"].to_numpy(dtype=object),
                "date": own["due_date"].to_numpy(),
                "principal": own["principal_unpaid"].to_numpy(dtype=np.int64),
                "interest": own["interest_unpaid"].to_numpy(dtype=np.int64),
            }
        )
        whole = loans[loans["loan_id"].isin(wanted & called)]
        by_now = rows[(rows["due_date"] <= read.as_of) & (rows["kind"] != "acceleration")]
        interest = by_now.groupby("loan_id")["interest_unpaid"].sum().reindex(whole["loan_id"]).fillna(0)
        accelerated = pd.DataFrame(
            {
                "loan_id": whole["loan_id"].to_numpy(dtype=object),
                "date": read.as_of,
                "principal": whole["outstanding_principal"].to_numpy(dtype=np.int64, na_value=0),
                "interest": interest.to_numpy(dtype=np.int64),
            }
        )
        both = pd.concat([dues, accelerated], ignore_index=True)
        return both.assign(date=_not_before(both["date"], read.as_of), instalment=np.arange(len(both)))

    @property
    def _by_snapshot(self) -> set[str]:
        """Loans that only a snapshot describes."""
        loans = self.read.ledger.loans
        return set(loans.loc[loans["source"] == "snapshot", "loan_id"])

    def payment_rows(self, paid: pd.DataFrame) -> list[dict[str, object]]:
        """Return rows of payments, with their parts: what a run pays is principal and interest, not penalty."""
        guarantees, ids = self.posed.network.guarantees, self.read.ids
        shown = paid[~paid["loan_id"].isin(self._by_snapshot)]
        return [
            {
                "payment_id": f"period-{self.period}-{number}",
                "loan_id": loan_id,
                "paid_date": date,
                "amount": principal + interest,
                "principal": principal,
                "interest": interest,
                "kind": "pay" if payer < 0 else "guarantor",
                "payer_id": None if payer < 0 else str(ids[guarantees.guarantor[payer]]),
            }
            for number, (loan_id, payer, date, principal, interest) in enumerate(
                shown[["loan_id", "payer", "date", "principal", "interest"]].itertuples(index=False, name=None), 1
            )
        ]

    def snapshot_rows(self, paid: pd.DataFrame) -> list[dict[str, object]]:
        """Return the next snapshots of loans that only snapshots describe: older by the period, less what was paid."""
        loans = self.read.ledger.loans
        mine = loans[loans["loan_id"].isin(self._by_snapshot) & loans["on_book"].to_numpy(dtype=bool)]
        known = self.tables["snapshots"].sort_values("as_of", kind="stable").drop_duplicates("loan_id", keep="last")
        given = known.set_index("loan_id")["five_class"].reindex(mine["loan_id"])
        gone = paid.groupby("loan_id")[["principal", "interest"]].sum().reindex(mine["loan_id"]).fillna(0)
        principal = mine["overdue_principal"].to_numpy(dtype=np.int64) - gone["principal"].to_numpy(dtype=np.int64)
        interest = mine["overdue_interest"].to_numpy(dtype=np.int64) - gone["interest"].to_numpy(dtype=np.int64)
        left = mine["outstanding_principal"].to_numpy(dtype=np.int64) - gone["principal"].to_numpy(dtype=np.int64)
        older = mine["days_past_due"].to_numpy(dtype=np.int64) + self.posed.network.horizon_days
        late = np.where(principal + interest > 0, older, 0)
        columns = {
            "loan_id": mine["loan_id"].tolist(),
            "outstanding": left.tolist(),
            "overdue_principal": principal.tolist(),
            "overdue_interest": interest.tolist(),
            "days_past_due": late.tolist(),
            "five_class": [_given(own) for own in given],
        }
        return [
            {**dict(zip(columns, row, strict=True)), "as_of": self.read.until}
            for row in zip(*columns.values(), strict=True)
        ]

    def loans(self, paid: pd.DataFrame) -> pd.DataFrame:
        """Return the loans, given balances less what was repaid, and a loan for what was drawn of each limit."""
        loans = self.tables["loans"]
        repaid = paid.groupby("loan_id")["principal"].sum().reindex(loans["loan_id"]).fillna(0).to_numpy(dtype=np.int64)
        loans = loans.assign(outstanding=(loans["outstanding"] - repaid).clip(lower=0))
        new = SCHEMAS["loans"].frame([{**self.source, **row} for row in self._drawings()])
        return pd.concat([loans, new], ignore_index=True) if len(new) else loans

    def _drawings(self) -> list[dict[str, object]]:
        lines, drawn = self.posed.network.lines, self.moves.drawn
        own = np.flatnonzero((lines.kind == "undrawn") & (drawn > 0))
        under = self.tables["facilities"].set_index("facility_id").reindex(lines.id[own])
        amounts = self.minor(drawn[own], under["currency"])
        return [
            {
                "loan_id": f"{facility_id}-period-{self.period}",
                "borrower_id": borrower,
                "lender_id": provider,
                "principal": amount,
                "outstanding": amount,
                "currency": _given(currency),
                "annual_rate": _given(rate),
                "start_date": self.read.until,
                "maturity_date": _given(expiry),
                "facility_id": facility_id,
            }
            for facility_id, amount, borrower, provider, currency, rate, expiry in zip(
                lines.id[own],
                amounts.tolist(),
                *(under[name] for name in ("borrower_id", "provider_id", "currency", "rate", "expiry")),
                strict=True,
            )
            if amount > 0
        ]

    def invoices(self) -> pd.DataFrame:
        """Return the invoices, settled as far as paid, advances cut as lines were, and guarantors' recourse claims."""
        invoices = self.tables["invoices"].reset_index(drop=True)
        items, moves, lines = self.posed.network.items, self.moves, self.posed.network.lines
        received = moves.paid + sum_at(moves.guaranteed_item, moves.guaranteed, len(moves.paid))
        billed = items.kind == "invoice"
        total = pd.Series(received[billed]).groupby(items.id[billed]).sum().reindex(invoices["invoice_id"]).fillna(0.0)
        paid = self.minor(total, invoices["currency"])
        before = invoices["settled_amount"].fillna(0)
        settled = np.minimum(before + paid, invoices["amount"])
        whole = (paid > 0) & (settled >= invoices["amount"])
        rolled = np.flatnonzero(lines.kind == "rolled")
        share = pd.Series(1.0 - moves.lost[rolled] / lines.amount[rolled], index=lines.id[rolled])
        kept = share.reindex(invoices["invoice_id"]).fillna(1.0).reset_index(drop=True)
        rate = invoices["advance_rate"].fillna(1.0) * kept
        changed = invoices.assign(
            settled_amount=invoices["settled_amount"].mask(paid > 0, settled),
            settled_date=invoices["settled_date"].mask(whole, _not_before(invoices["due_date"], self.read.as_of)),
            advance_rate=invoices["advance_rate"].mask(kept < 1, rate),
            financed_by=invoices["financed_by"].mask(kept <= 0),
        )
        claims = SCHEMAS["invoices"].frame([{**self.source, **row} for row in self._recourse_claims()])
        return pd.concat([changed, claims], ignore_index=True) if len(claims) else changed

    def _recourse_claims(self) -> list[dict[str, object]]:
        """Return what guarantors may claim back from the debtors whose debt they paid, due at once."""
        guarantees, ids, moves = self.posed.network.guarantees, self.read.ids, self.moves
        total = sum_at(moves.guarantee, moves.guaranteed, len(guarantees.id))
        return [
            {
                "invoice_id": f"{guarantees.id[k]}-period-{self.period}",
                "seller_id": str(ids[guarantees.guarantor[k]]),
                "buyer_id": str(ids[guarantees.debtor[k]]),
                "amount": amount,
                "issue_date": self.read.as_of,
                "due_date": self.read.as_of,
            }
            for k, amount in enumerate(self.minor(total).tolist())
            if amount > 0
        ]

    def facilities(self, paid: pd.DataFrame) -> pd.DataFrame:
        """Return the limits: less what was cut, and what is repaid is not lent again."""
        rows = self.tables["facilities"].reset_index(drop=True)
        loans = self.tables["loans"].set_index("loan_id")[["facility_id", "currency"]]
        repaid = paid.groupby("loan_id")["principal"].sum()
        owed = self.read.ledger.loans.set_index("loan_id")["outstanding_principal"].reindex(repaid.index)
        repaid = repaid.where(repaid <= owed, owed)  # a balance given in the data may be below what the plan has due
        under = loans.reindex(repaid.index)
        amount = self.read.money(repaid.reset_index(drop=True), under["currency"].reset_index(drop=True))
        by_facility = pd.Series(amount).groupby(under["facility_id"].to_numpy(dtype=object)).sum()
        back = by_facility.reindex(rows["facility_id"]).fillna(0.0).reset_index(drop=True)
        lines = self.posed.network.lines
        own = np.flatnonzero(lines.kind == "undrawn")
        lost, drawn = (
            pd.Series(moved[own], index=lines.id[own]).reindex(rows["facility_id"]).fillna(0.0).reset_index(drop=True)
            for moved in (self.moves.lost, self.moves.drawn)
        )
        currency = rows["currency"]
        less = self.minor(back, currency) + self.minor(lost, currency)
        left = rows["drawn"] - self.minor(back, currency) + self.minor(drawn, currency)
        return rows.assign(
            limit=(rows["limit"] - less).clip(lower=0),
            drawn=left.clip(lower=0),
        )

    def trade(self) -> pd.DataFrame:
        """Return the trade of the past, its terms shortened as they were cut, to whole days."""
        rows = self.tables["trade"]
        lines, lost = self.posed.network.lines, self.moves.lost
        terms = np.flatnonzero(lines.kind == "terms")
        pair = lines.giver[terms] * len(self.read.ids) + lines.holder[terms]
        kept = pd.Series(1.0 - lost[terms] / lines.amount[terms], index=pair)
        asked = self.read.position(rows["seller_id"]) * len(self.read.ids) + self.read.position(rows["buyer_id"])
        share = kept.reindex(asked).fillna(1.0).to_numpy()
        days = np.floor(rows["terms_days"].to_numpy(dtype=np.float64, na_value=np.nan) * share + 0.5)
        return rows.assign(terms_days=rows["terms_days"].mask(share < 1, pd.Series(days, index=rows.index)))

    def guarantees(self) -> pd.DataFrame:
        """Return the guarantees, their caps less what was paid; one that is used up is settled."""
        rows = self.tables["guarantees"]
        total = sum_at(self.moves.guarantee, self.moves.guaranteed, len(self.posed.network.guarantees.id))
        paid = pd.Series(self.minor(total), index=self.posed.network.guarantees.id)
        used = paid.reindex(rows["guarantee_id"]).fillna(0.0).to_numpy(dtype=np.int64)
        left = (rows["amount"] - used).clip(lower=0)
        spent = ((left == 0) & (used > 0)).to_numpy(dtype=bool, na_value=False)
        return rows.assign(amount=left, status=rows["status"].mask(spent, other="settled"))

    def projects(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return projects and their parties: what was drawn is debt, and lenders promise what they kept, less that."""
        rows, parties = self.tables["projects"], self.tables["project_parties"]
        lines, moves = self.posed.network.lines, self.moves
        own = np.flatnonzero(lines.kind == "project")
        if not own.size:
            return rows, parties
        drawn = pd.Series(moves.drawn[own]).groupby(lines.id[own]).sum().reindex(rows["project_id"]).fillna(0.0)
        more = self.minor(drawn)
        left = 1.0 - (moves.lost[own] + moves.drawn[own]) / lines.amount[own]
        keys = pd.MultiIndex.from_arrays([lines.id[own], self.read.ids[lines.giver[own]]])
        asked = pd.MultiIndex.from_arrays([parties["project_id"], parties["entity_id"]])
        share = pd.Series(left, index=keys).reindex(asked).fillna(1.0).to_numpy()
        lends = (parties["role"].str.lower() == "lender").to_numpy(dtype=bool)
        return (
            rows.assign(
                debt_committed=rows["debt_committed"] + more,
                debt_drawn=rows["debt_drawn"].mask(more > 0, rows["debt_drawn"].fillna(0) + more),
            ),
            parties.assign(share=parties["share"].mask(lends, parties["share"] * share)),
        )

    def entities(self) -> pd.DataFrame:
        """Return the entities with the cash that is left of the period; what was unknown stays so."""
        rows = self.tables["entities"]
        at = self.read.position(rows["entity_id"])
        left = pd.Series(self.minor(self.moves.cash_after[at]), index=rows.index)
        return rows.assign(cash=left.astype("Int64").mask(rows["cash"].isna()))


def _not_before(days: pd.Series, first: pd.Timestamp) -> pd.Series:
    """Return days, those before a day being that day."""
    return days.where(days >= first, first)


def _given(value: object) -> object:
    return None if pd.isna(value) else value  # type: ignore[call-overload]  # a cell holds one value
