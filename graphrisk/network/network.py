"""The network of a book at a date: built once, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.conventions import Conventions
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
from graphrisk.network.evidence import payment_evidence
from graphrisk.network.findings import left_out
from graphrisk.network.reading import Reading
from graphrisk.network.stakes import (
    build_influence,
    entity_roles,
    exposures,
    guarantee_stakes,
    guaranteed_amounts,
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

#: Where beliefs come from that nobody states.
TrustSource = Literal["prior", "history"]


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
    outstanding : ndarray of shape (n,)
        Principal of loans and open invoices that each entity owes, due or not, to those outside the data too.
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
    trust_source : str
        Whether beliefs that nobody states are ``prior`` or come from payment ``history``.
    assume_unpaid : bool
        Whether instalments without any payment record count as unpaid.
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
    outstanding: Vector = field(repr=False)
    days_past_due: Positions = field(repr=False)
    balance: Matrix = field(repr=False)
    unsecured: Matrix = field(repr=False)
    relation: Matrix = field(repr=False)
    trust: Matrix = field(repr=False)
    exposure: Mapping[Channel, Matrix] = field(repr=False)
    findings: tuple[Finding, ...] = field(repr=False)
    trust_source: TrustSource = "prior"
    assume_unpaid: bool = False

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
        trust: TrustSource = "prior",
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
        trust : str
            Where beliefs come from that no partnership states: ``prior``, the obligor's pd; ``history``, payment
            history where there is any, then the pd.

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
        reporting = currency or tables.currency
        read = Reading.of(
            tables,
            as_of=as_of,
            horizon_days=horizon_days,
            conventions=rules,
            currency=reporting,
            assume_unpaid=assume_unpaid,
        )
        return cls(
            ids=read.ids[: read.n],
            outside=read.ids[read.n :],
            as_of=as_of,
            horizon_days=horizon_days,
            currency=reporting,
            conventions=rules,
            tables=tables,
            findings=(*read.ledger.findings, *left_out(read)),
            trust_source=trust,
            assume_unpaid=assume_unpaid,
            **_entity_vectors(read, horizon_days),
            **_contracts(read, trust),
        )

    def reading(self) -> Reading:
        """Return the book that it was built from, read again at the same date.

        Contracts stand there one by one, for those who want more of them than their sums.
        """
        return Reading.of(
            self.tables,
            as_of=self.as_of,
            horizon_days=self.horizon_days,
            conventions=self.conventions,
            currency=self.currency,
            assume_unpaid=self.assume_unpaid,
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
    rows = read.entities()
    cash = read.money(rows["cash"])
    net = np.nan_to_num(read.money(rows["monthly_inflow"])) - np.nan_to_num(read.money(rows["monthly_outflow"]))
    flow = net * horizon_days / MONTH
    roles = _named(entity_roles(read))
    return {
        "entities": pd.DataFrame({"name": rows["name"].array, "kind": rows["kind"].array, "roles": roles}),
        "cash": np.where(np.isnan(cash), 0.0, np.maximum(0.0, np.nan_to_num(cash) + flow)),
        "cash_unknown": np.isnan(cash),
        "net_inflow": flow,
        "monthly_outflow": np.nan_to_num(read.money(rows["monthly_outflow"])),
        "equity": read.money(rows["equity"]),
        "loss_given_default": rows["loss_given_default"].to_numpy(dtype=np.float64, na_value=np.nan),
    }


def _named(roles: Flags) -> NDArray[np.object_]:
    """Return the names of roles as a tuple for each entity; of each set of roles there is one tuple."""
    bits = 1 << np.arange(len(ROLES))
    names = np.empty(1 << len(ROLES), dtype=object)
    for number in range(len(names)):
        names[number] = tuple(role for role, bit in zip(ROLES, bits.tolist(), strict=True) if number & bit)
    return names[roles @ bits]


def _contracts(read: Reading, trust: TrustSource) -> dict[str, Any]:
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
    guaranteed = guaranteed_amounts(guarantees, shares, lent, claims)
    stakes = guarantee_stakes(guarantees["share"].to_numpy(), guarantees["cap"].to_numpy(), guaranteed)
    borrowed = sum_at(shares["borrower"].to_numpy(), np.nan_to_num(lent), n)
    billed = claims[claims["debtor"] < n]
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
        "guarantees": build_guarantees(guarantees, items, guaranteed),
        "outstanding": borrowed + sum_at(billed["debtor"].to_numpy(), billed["amount"].to_numpy(), n),
        "projects": projects,
        "influence": build_influence(read),
        "balance": balance,
        "unsecured": unsecured,
        "relation": relation,
        "implied_receivables": float(implied.sum()),
        "trust": prior_trust(read, relation, payment_evidence(read) if trust == "history" else None),
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
    oldest = np.zeros(len(read.ids) + 1, dtype=np.int64)  # the last one is for blanks
    np.maximum.at(oldest, read.position(on_book["borrower_id"]), on_book["days_past_due"].to_numpy(dtype=np.int64))
    np.maximum.at(oldest, owed["debtor"].to_numpy(), late.to_numpy(dtype=np.int64))
    return oldest[: read.n]
