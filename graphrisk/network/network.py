"""The network of a book at a date: built once, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from graphrisk.conventions import Conventions
from graphrisk.ledger.overdue import account
from graphrisk.network.arrays import (
    Channel,
    Flags,
    Guarantees,
    Influence,
    Items,
    Lines,
    Matrix,
    Positions,
    Projects,
    Vector,
    sum_at,
)
from graphrisk.network.contracts import (
    build_guarantees,
    build_items,
    build_lines,
    build_projects,
    guarantee_rows,
    invoice_claims,
    last_sales,
    loan_shares,
    open_invoices,
    trade_credit,
)
from graphrisk.network.findings import left_out
from graphrisk.network.reading import Reading, currency_units, known_ids
from graphrisk.network.stakes import (
    build_influence,
    entity_roles,
    exposures,
    guarantee_stakes,
    implied_receivables,
    loan_balances,
    matrix,
    prior_trust,
)
from graphrisk.tables.book import Finding, Tables
from graphrisk.tables.schemas import ROLES

if TYPE_CHECKING:
    import networkx as nx


#: Days of a month in the convention that turns monthly flows into those of a horizon.
MONTH = 30


@dataclass(frozen=True, slots=True)
class Network:
    """The tables of a book at a date, as arrays of ``n`` entities.

    Attributes
    ----------
    ids : Index of length n
        Entity ids, sorted by code points.
    outside : Index
        Ids that contracts name and the data does not describe; their positions are n, n + 1, ...
    entities : DataFrame
        name, kind, roles (tuple), in the order of ``ids``.
    as_of : date
        The date that all figures hold for.
    horizon_days : int
        Days within which amounts fall due.
    currency : str
        Reporting currency of all amounts.
    conventions : Conventions
        Those of the ledger.
    tables : Tables
        The book.
    items, lines, guarantees, projects, influence
        The contracts, as described there.
    cash : ndarray of shape (n,)
        Cash at hand and net inflow of the horizon, at least 0; 0 where cash is unknown.
    cash_unknown : ndarray of shape (n,), bool
        Whether cash is blank in the data.
    net_inflow, monthly_outflow : ndarray of shape (n,)
        Inflow less outflow within the horizon, and outflow a month, blanks being 0.
    implied_receivables : float
        What trade credit exceeds the open invoices of its pairs by, in all: at stake though not invoiced.
    equity : ndarray of shape (n,)
        NaN where unknown.
    loss_given_default : ndarray of shape (n,)
        NaN where the entity has no figure of its own.
    overdue_total : ndarray of shape (n,)
        What each entity has past due.
    days_past_due : ndarray of shape (n,), int
        Of its oldest past-due instalment or invoice.
    balance : csr_array of shape (n, n)
        Outstanding principal of j at i.
    unsecured : csr_array of shape (n, n)
        The same after collateral.
    relation, trust : csr_array of shape (n, n)
        Money that i has at stake in j, and i's belief that j meets its next obligation, on the same entries.
    exposure : dict of channel to csr_array of shape (n, n)
        ``exposure[c][i, j]``: what i has to lose through channel c if j fails: money owed and trade credit
        (default), guaranteed (guarantee), bought in the last period (supply), limits and advances (funding); a share
        of ownership or the weight of a partnership (trust).
    findings : tuple of Finding
        What was left out, and why.
    """

    ids: pd.Index
    outside: pd.Index
    entities: pd.DataFrame
    as_of: date
    horizon_days: int
    currency: str
    conventions: Conventions
    tables: Tables = field(repr=False)
    items: Items = field(repr=False)
    lines: Lines = field(repr=False)
    guarantees: Guarantees = field(repr=False)
    projects: Projects = field(repr=False)
    influence: Influence = field(repr=False)
    cash: Vector = field(repr=False)
    cash_unknown: Flags = field(repr=False)
    net_inflow: Vector = field(repr=False)
    monthly_outflow: Vector = field(repr=False)
    equity: Vector = field(repr=False)
    loss_given_default: Vector = field(repr=False)
    implied_receivables: float
    overdue_total: Vector = field(repr=False)
    days_past_due: Positions = field(repr=False)
    balance: Matrix = field(repr=False)
    unsecured: Matrix = field(repr=False)
    relation: Matrix = field(repr=False)
    trust: Matrix = field(repr=False)
    exposure: Mapping[Channel, Matrix] = field(repr=False)
    findings: tuple[Finding, ...] = field(repr=False)

    @classmethod
    def from_tables(
        cls,
        tables: Tables,
        *,
        as_of: date,
        horizon_days: int = 90,
        conventions: Conventions | None = None,
        currency: str | None = None,
        assume_unpaid: bool = False,
    ) -> "Network":
        """Build the network of a book at a date.

        Parameters
        ----------
        tables : Tables
            The book.
        as_of : date
            The date; nothing later counts.
        horizon_days : int
            Days within which amounts fall due, at least 1.
        conventions : Conventions or None
            Those of the ledger; None for the defaults.
        currency : str or None
            Reporting currency; None for the book's.
        assume_unpaid : bool
            Count instalments without any payment record as unpaid instead of refusing.

        Returns
        -------
        Network

        Raises
        ------
        InvalidDataError
            If currencies cannot be converted or the overdue total cannot be known.

        Examples
        --------
        >>> from graphrisk.tables.schemas import SCHEMAS
        >>> loan = {
        ...     "loan_id": "L", "borrower_id": "A", "lender_id": "B", "start_date": "2024-01-01",
        ...     "principal": 10_000, "outstanding": 10_000,
        ... }
        >>> tables = Tables({"loans": SCHEMAS["loans"].frame([loan])})
        >>> network = Network.from_tables(tables, as_of=date(2024, 6, 30))
        >>> float(network.exposure["default"][1, 0])  # B's claim on A
        100.0
        """
        rules = conventions or Conventions()
        ledger = account(tables, as_of=as_of, conventions=rules, assume_unpaid=assume_unpaid)
        ids, outside = known_ids(tables)
        now = pd.Timestamp(as_of)
        reporting = currency or tables.currency
        read = Reading(
            tables=tables,
            ledger=ledger,
            as_of=now,
            until=now + timedelta(days=horizon_days),
            ids=ids.append(outside),
            n=len(ids),
            units=currency_units(tables, ledger, reporting, now),
        )
        return cls(
            ids=ids,
            outside=outside,
            as_of=as_of,
            horizon_days=horizon_days,
            currency=reporting,
            conventions=rules,
            tables=tables,
            findings=(*ledger.findings, *left_out(read)),
            **_entity_vectors(read, horizon_days),
            **_contracts(read),
        )

    @property
    def n(self) -> int:
        """Number of entities."""
        return len(self.ids)

    @property
    def due(self) -> dict[str, Matrix]:
        """What falls due by kind of contract: ``due["loan"][i, j]`` is due to creditor i from obligor j."""
        return self._by_kind(self.items.due)

    @property
    def overdue(self) -> dict[str, Matrix]:
        """The part of `due` that is past due."""
        return self._by_kind(self.items.overdue)

    @property
    def obligation(self) -> Vector:
        """All that each entity owes within the horizon, also to creditors outside the data, of shape (n,)."""
        return sum_at(self.items.debtor, self.items.due, self.n)

    @property
    def undrawn(self) -> Matrix:
        """Undrawn limits and project draws: ``undrawn[i, f]`` is what holder i may still draw from giver f."""
        return self._lines("undrawn") + self._lines("project")

    @property
    def rolled(self) -> Matrix:
        """Advances on invoices to roll over: holder i, financier f."""
        return self._lines("rolled")

    @property
    def terms(self) -> Matrix:
        """Trade credit: buyer b, seller s."""
        return self._lines("terms")

    def _by_kind(self, amount: Vector) -> dict[str, Matrix]:
        items = self.items
        return {
            kind: matrix(np.where(items.kind == kind, amount, 0.0), items.creditor, items.debtor, self.n)
            for kind in ("loan", "invoice")
        }

    def _lines(self, kind: str) -> Matrix:
        lines = self.lines
        return matrix(np.where(lines.kind == kind, lines.amount, 0.0), lines.holder, lines.giver, self.n)

    def to_networkx(self) -> "nx.MultiDiGraph":
        """Return the exposures as a graph: an edge creditor -> obligor for each channel, loss runs against it.

        Returns
        -------
        MultiDiGraph
            Nodes are ids with name, kind and roles; edges are keyed by channel and hold ``amount``.
        """
        import networkx as nx  # noqa: PLC0415 -- half a second that only this view of the network needs

        graph = nx.MultiDiGraph()
        for entity_id, row in zip(self.ids, self.entities.itertuples(index=False), strict=True):
            graph.add_node(entity_id, name=row.name, kind=row.kind, roles=row.roles)
        for channel, exposure in self.exposure.items():
            places = exposure.tocoo()
            creditors, obligors = self.ids[places.row], self.ids[places.col]
            for creditor, obligor, amount in zip(creditors, obligors, places.data, strict=True):
                graph.add_edge(creditor, obligor, key=channel, channel=channel, amount=float(amount))
        return graph


def _entity_vectors(read: Reading, horizon_days: int) -> dict[str, Any]:
    """Return what the table of entities says of each, in the order of ids."""
    rows = read.tables["entities"].set_index("entity_id").reindex(read.ids[: read.n])
    cash = read.money(rows["cash"])
    net = np.nan_to_num(read.money(rows["monthly_inflow"])) - np.nan_to_num(read.money(rows["monthly_outflow"]))
    flow = net * horizon_days / MONTH
    roles = [tuple(role for role, has in zip(ROLES, row, strict=True) if has) for row in entity_roles(read)]
    return {
        "entities": pd.DataFrame({"name": rows["name"].to_numpy(), "kind": rows["kind"].to_numpy(), "roles": roles}),
        "cash": np.where(np.isnan(cash), 0.0, np.maximum(0.0, np.nan_to_num(cash) + flow)),
        "cash_unknown": np.isnan(cash),
        "net_inflow": flow,
        "monthly_outflow": np.nan_to_num(read.money(rows["monthly_outflow"])),
        "equity": read.money(rows["equity"]),
        "loss_given_default": rows["loss_given_default"].to_numpy(dtype=np.float64, na_value=np.nan),
    }


def _contracts(read: Reading) -> dict[str, Any]:
    """Return all that the contracts say."""
    n = read.n
    shares = loan_shares(read)
    invoices = open_invoices(read)
    claims = invoice_claims(invoices)
    sales = last_sales(read)
    credit = trade_credit(sales)
    guarantees = guarantee_rows(read)
    projects = build_projects(read)
    items = build_items(read, shares, claims)
    lines = build_lines(read, invoices, credit, projects)
    balance, unsecured = loan_balances(read, shares)
    loans = read.ledger.loans
    lent = read.money(loans["outstanding_principal"], loans["currency"])[shares["loan"]] * shares["share"].to_numpy()
    stakes = guarantee_stakes(guarantees, shares, lent, claims)
    implied = implied_receivables(invoices, credit)
    owed = (
        balance
        + matrix(claims["amount"].to_numpy(), claims["creditor"].to_numpy(), claims["debtor"].to_numpy(), n)
        + matrix(implied, credit["seller"].to_numpy(), credit["buyer"].to_numpy(), n)
    ).tocsr()
    exposure = exposures(read, owed, guarantees, stakes, lines=lines, sales=sales)
    relation = (exposure["default"] + exposure["guarantee"]).tocsr()
    relation.sum_duplicates()
    return {
        "items": items,
        "lines": lines,
        "guarantees": build_guarantees(guarantees, items),
        "projects": projects,
        "influence": build_influence(read),
        "balance": balance,
        "unsecured": unsecured,
        "relation": relation,
        "implied_receivables": float(implied.sum()),
        "trust": prior_trust(read, relation),
        "exposure": exposure,
        "overdue_total": sum_at(items.debtor, items.overdue, n),
        "days_past_due": _days_past_due(read, claims),
    }


def _days_past_due(read: Reading, claims: pd.DataFrame) -> Positions:
    """Return the days past due of each entity's oldest loan instalment or invoice, 0 if none."""
    loans = read.ledger.loans
    on_book = loans[loans["on_book"].to_numpy(dtype=bool)]
    owed = claims[~claims["disputed"]]
    late = (read.as_of - owed["due_date"]).dt.days.clip(lower=0)
    days = pd.concat(
        [
            pd.Series(on_book["days_past_due"].to_numpy(dtype=np.int64), index=read.position(on_book["borrower_id"])),
            pd.Series(late.to_numpy(dtype=np.int64), index=owed["debtor"]),
        ]
    )
    return days.groupby(level=0).max().reindex(range(read.n), fill_value=0).to_numpy(dtype=np.int64)
