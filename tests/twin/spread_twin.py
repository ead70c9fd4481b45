"""The spread model a second time: plain Python loops over plain dicts, no arrays, no shared code.

It exists to be compared with the product, so it takes nothing from it: rows in, figures out. Whoever changes
the model changes both, each from the words and not from the other's code.

The shape of it: contracts are read into lists of small records; a *case* (baseline or run) says how much is
withheld and which cash everybody has; a round of liquidity, guarantees, trust and financing is applied until
nothing moves; every loss is the run less the baseline.
"""

from __future__ import annotations

import calendar
import math
from collections import deque
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

Row = dict[str, Any]
Rows = dict[str, list[Row]]
Table = list[list[float]]

#: An overdue ratio below this is 0; thresholds are compared with this share of slack.
TIE = 1e-9
#: At rest no money moves by more than this share of D, beyond rounding, and no distrust by more than this.
REST = 1e-12
#: Rounding of sums, as a share of the largest amount.
ROUNDING = 64 * 2.0**-52

FINANCIER_OR_SUPPLIER: Table = [[0, 1], [0.2, 1], [1, 0]]
DEFAULTS: dict[str, Any] = {
    "a": 1.0,
    "phi": None,
    "delta": 0.3,
    "kappa": 1.0,
    "loss_given_default": 0.45,
    "general_delay_days": 180,
    "cfads_lost": 0.5,
    "materiality": 0.0,
}
DEFAULT_KEEP: dict[str, Table] = {
    "financier": FINANCIER_OR_SUPPLIER,
    "supplier": FINANCIER_OR_SUPPLIER,
    "project": [[0, 1]],
}
MONEY_COLUMNS = ("cash_shortfall", "credit_loss", "trust_loss", "financing_loss")

#: Every column that names an entity, for books without a table of entities.
ID_COLUMNS = {
    "loans": ("borrower_id", "lender_id"),
    "loan_shares": ("lender_id",),
    "facilities": ("borrower_id", "provider_id"),
    "trade": ("seller_id", "buyer_id"),
    "invoices": ("seller_id", "buyer_id", "financed_by"),
    "guarantees": ("guarantor_id", "debtor_id", "creditor_id"),
    "partnerships": ("from_id", "to_id"),
    "projects": ("spv_id",),
    "project_parties": ("entity_id",),
}


class UnknownCashError(ValueError):
    """Cash is unknown and the caller refused to assume any."""


@dataclass
class Loan:
    """A loan as it stands on the day: who is owed which share, and how much."""

    loan_id: str
    borrower: str
    shares: dict[str, float]
    outstanding: float
    due: float
    overdue: float
    collateral: float


@dataclass
class Item:
    """One thing that falls due: a lender's share of a loan, or a claim from an invoice."""

    debtor: str
    creditor: str | None  # None: the excess of D, owed to nobody in particular
    amount: float
    overdue: float
    loan_id: str | None = None
    withheld: float = 0.0


@dataclass
class Claim:
    """What an open invoice is worth to somebody."""

    creditor: str
    debtor: str
    amount: float


@dataclass
class Line:
    """Financing that may be withdrawn."""

    kind: str  # undrawn, rolled, terms, project
    giver: str
    holder: str
    amount: float
    role: str  # financier, supplier, project
    clause: str | None = None  # cross_default, recourse, project
    threshold: float = 0.0
    cancellable: bool = True
    follows: str | None = None  # whose distrust counts instead of the holder's
    project_id: str | None = None


@dataclass
class Guarantee:
    """A guarantee in force."""

    guarantee_id: str
    guarantor: str
    debtor: str
    cap: float
    share: float
    delayed: bool
    loan_id: str | None
    creditor: str | None
    items: list[int] = field(default_factory=list)


@dataclass
class Project:
    """A project and the shares of those who build, supply or buy from it."""

    project_id: str
    spv: str
    row: Row
    parties: list[tuple[str, float]]


@dataclass
class Model:
    """All that does not change while losses spread."""

    ids: list[str]
    entity: dict[str, Row]
    subject: str
    shock: float
    loans: list[Loan]
    claims: list[Claim]
    items: list[Item]
    lines: list[Line]
    guarantees: list[Guarantee]
    projects: list[Project]
    reactions: Row
    feedback: bool
    obligation: dict[str, float] = field(default_factory=dict)
    balance: dict[tuple[str, str], float] = field(default_factory=dict)
    at_loss: dict[tuple[str, str], float] = field(default_factory=dict)
    relation: dict[tuple[str, str], float] = field(default_factory=dict)
    trust: dict[tuple[str, str], float] = field(default_factory=dict)
    influence: dict[str, dict[str, float]] = field(default_factory=dict)
    still: float = 0.0


@dataclass
class Case:
    """The baseline or the run: what is withheld, and who has which cash."""

    withheld: list[float]
    cash: dict[str, float]
    raised: set[str]  # whose cash is raised, each round, to what it needs to pay all it owes


@dataclass
class State:
    """Where everybody stands after a round."""

    paid: dict[str, float]
    item_paid: list[float]
    received: dict[str | None, float]
    called: list[float]
    receipts: dict[str | None, float]
    distrust: dict[str, float]
    kept: list[float]
    ratio: dict[str, float] = field(default_factory=dict)
    cash: dict[str, float] = field(default_factory=dict)
    before_floor: dict[str, float] = field(default_factory=dict)
    means: dict[str, float] = field(default_factory=dict)


# --- Contracts ---


def table(rows: Rows, name: str) -> list[Row]:
    return rows.get(name) or []


def number(row: Row, column: str, blank: float = 0.0) -> float:
    value = row.get(column)
    return blank if value is None else float(value)


def in_force(row: Row, as_of: date, last: tuple[str, ...] = ("end",)) -> bool:
    start = row.get("start")
    ends = [row.get(column) for column in last]
    return (start is None or start <= as_of) and all(end is None or as_of <= end for end in ends)


def entities_of(rows: Rows) -> dict[str, Row]:
    if table(rows, "entities"):
        return {row["entity_id"]: row for row in rows["entities"]}
    found: dict[str, Row] = {}
    for name, columns in ID_COLUMNS.items():
        for row in table(rows, name):
            for column in columns:
                if row.get(column) is not None:
                    found[row[column]] = {"entity_id": row[column]}
    return found


def unpaid_instalments(rows: Rows, loan_id: str, as_of: date) -> list[tuple[date, float, float]]:
    """Due date, unpaid principal and unpaid interest of each instalment of the plan that holds on the day."""
    versions: dict[tuple[date, bool], list[Row]] = {}
    for row in table(rows, "schedule"):
        valid_from = row.get("valid_from") or date.min
        if row["loan_id"] == loan_id and valid_from <= as_of:
            versions.setdefault((valid_from, row.get("version") == "revised"), []).append(row)
    if not versions:
        return []
    paid = {"principal": 0.0, "interest": 0.0}
    for row in table(rows, "payments"):
        if row["loan_id"] == loan_id and row["paid_date"] <= as_of:
            for part in paid:
                paid[part] += number(row, part)
    unpaid = []
    for row in sorted(versions[max(versions)], key=lambda row: (row["due_date"], row["no"])):
        rest = {}
        for part, credit in paid.items():
            met = min(credit, row[f"{part}_due"])
            paid[part] = credit - met
            rest[part] = row[f"{part}_due"] - met
        unpaid.append((row["due_date"], rest["principal"], rest["interest"]))
    return unpaid


def is_over(loan: Row, as_of: date) -> bool:
    """Whether nothing is owed on it any more: settled, written off or sold, or not yet paid out."""
    written_off = loan.get("write_off_date") is not None and loan["write_off_date"] <= as_of
    return (loan.get("status") or "active") != "active" or written_off or loan["start_date"] > as_of


def outstanding_of(rows: Rows, loan: Row, as_of: date) -> float:
    if is_over(loan, as_of):
        return 0.0
    if loan.get("outstanding") is not None:
        return float(loan["outstanding"])
    unpaid = unpaid_instalments(rows, loan["loan_id"], as_of)
    return sum(principal for _, principal, _ in unpaid) if unpaid else float(loan["principal"])


def lenders_of(rows: Rows, loan: Row) -> dict[str, float]:
    shares: dict[str, float] = {}
    for row in table(rows, "loan_shares"):
        if row["loan_id"] == loan["loan_id"]:
            shares[row["lender_id"]] = shares.get(row["lender_id"], 0.0) + row["share"]
    rest = 1.0 - sum(shares.values())
    if rest > REST:
        shares[loan["lender_id"]] = shares.get(loan["lender_id"], 0.0) + rest
    return shares


def due_and_overdue(rows: Rows, loan: Row, as_of: date, last_day: date) -> tuple[float, float]:
    unpaid = unpaid_instalments(rows, loan["loan_id"], as_of)
    if loan.get("accelerated_on") is not None and loan["accelerated_on"] <= as_of:
        # Interest of instalments after the acceleration is no longer owed: all principal is due without it.
        interest = sum(interest for due_date, _, interest in unpaid if due_date <= loan["accelerated_on"])
        everything = outstanding_of(rows, loan, as_of) + interest
        return everything, everything
    due = sum(principal + interest for due_date, principal, interest in unpaid if due_date <= last_day)
    overdue = sum(principal + interest for due_date, principal, interest in unpaid if due_date < as_of)
    return due, overdue


def read_loans(rows: Rows, known: dict[str, Row], as_of: date, last_day: date) -> list[Loan]:
    loans = []
    for row in table(rows, "loans"):
        if row["borrower_id"] not in known or is_over(row, as_of):
            continue
        due, overdue = due_and_overdue(rows, row, as_of, last_day)
        collateral = sum(
            number(cover, "value") * (1 - number(cover, "haircut"))
            for cover in table(rows, "collateral")
            if cover["loan_id"] == row["loan_id"]
        )
        outstanding = outstanding_of(rows, row, as_of)
        loans.append(
            Loan(
                row["loan_id"],
                row["borrower_id"],
                lenders_of(rows, row),
                outstanding,
                due,
                overdue,
                collateral,
            )
        )
    return loans


def open_amount(invoice: Row, as_of: date) -> float:
    if invoice["issue_date"] > as_of:
        return 0.0
    day, settled = invoice.get("settled_date"), invoice.get("settled_amount")
    if day is not None and day > as_of:
        settled = 0.0
    elif settled is None:
        settled = 0.0 if day is None else invoice["amount"]
    return max(0.0, float(invoice["amount"] - settled))


def is_confirmed(invoice: Row, as_of: date) -> bool:
    day = invoice.get("confirmed_date")
    return bool(invoice.get("confirmed")) and (day is None or day <= as_of)


def has_recourse(invoice: Row, as_of: date) -> bool:
    recourse = invoice.get("recourse")
    return not is_confirmed(invoice, as_of) if recourse is None else bool(recourse)


def invoice_claims(invoice: Row, as_of: date) -> list[Claim]:
    """Who has how much of an open invoice to get from its buyer."""
    amount, seller, buyer = open_amount(invoice, as_of), invoice["seller_id"], invoice["buyer_id"]
    financier = invoice.get("financed_by")
    if financier is None or has_recourse(invoice, as_of):
        parts = [Claim(seller, buyer, amount)]
    else:
        advance = number(invoice, "advance_rate", 1.0) * amount
        parts = [Claim(financier, buyer, advance), Claim(seller, buyer, amount - advance)]
    return [part for part in parts if part.amount > 0]


def read_items(rows: Rows, loans: list[Loan], known: dict[str, Row], as_of: date, last_day: date) -> list[Item]:
    items = []
    for loan in loans:
        for lender, share in loan.shares.items():
            if loan.due * share > 0:
                item = Item(loan.borrower, lender, loan.due * share, loan.overdue * share, loan.loan_id)
                items.append(item)
    for invoice in table(rows, "invoices"):
        if invoice["buyer_id"] in known and invoice["due_date"] <= last_day and not invoice.get("disputed"):
            late = as_of > invoice["due_date"]
            items += [
                Item(claim.debtor, claim.creditor, claim.amount, claim.amount if late else 0.0)
                for claim in invoice_claims(invoice, as_of)
            ]
    return items


def withhold(items: list[Item], subject: str, overdue: float | None) -> float:
    """Spread D over what the subject owes: overdue first, then the rest, any excess to nobody known."""
    own = [item for item in items if item.debtor == subject]
    late = sum(item.overdue for item in own)
    other = sum(item.amount - item.overdue for item in own)
    shock = late if overdue is None else float(overdue)
    if shock < 0:
        raise ValueError("an overdue total is not negative")
    from_late = min(shock, late)
    from_other = min(shock - from_late, other)
    for item in own:
        item.withheld = from_late * item.overdue / late if late > 0 else 0.0
        if other > 0:
            item.withheld += from_other * (item.amount - item.overdue) / other
    excess = shock - from_late - from_other
    if excess > 0:
        items.append(Item(subject, None, excess, 0.0, withheld=excess))
    return shock


# --- Lines ---


def undrawn_lines(rows: Rows, known: dict[str, Row], as_of: date) -> list[Line]:
    lines = []
    for row in table(rows, "facilities"):
        expired = row.get("expiry") is not None and row["expiry"] <= as_of
        if row["borrower_id"] not in known or expired:
            continue
        drawn = row.get("drawn")
        if drawn is None:
            own = [loan for loan in table(rows, "loans") if loan.get("facility_id") == row["facility_id"]]
            drawn = sum(outstanding_of(rows, loan, as_of) for loan in own)
        lines.append(
            Line(
                "undrawn",
                row["provider_id"],
                row["borrower_id"],
                row["limit"] - drawn,
                "financier",
                clause="cross_default" if row.get("cross_default") else None,
                threshold=number(row, "cross_default_threshold"),
                cancellable=row.get("cancellable") is not False,
            )
        )
    return lines


def rolled_lines(rows: Rows, known: dict[str, Row], as_of: date) -> list[Line]:
    lines = []
    for row in table(rows, "invoices"):
        if row.get("financed_by") is None or row["seller_id"] not in known:
            continue
        amount = number(row, "advance_rate", 1.0) * open_amount(row, as_of)
        line = Line("rolled", row["financed_by"], row["seller_id"], amount, "financier")
        if is_confirmed(row, as_of):
            line.follows = row["buyer_id"]
        elif has_recourse(row, as_of):
            line.clause = "recourse"
        lines.append(line)
    return lines


def period_of(text: str) -> tuple[date, int]:
    """First day and number of days of YYYY-MM or YYYY."""
    if "-" in text:
        year, month = (int(part) for part in text.split("-"))
        return date(year, month, 1), calendar.monthrange(year, month)[1]
    return date(int(text), 1, 1), 366 if calendar.isleap(int(text)) else 365


def trade_terms(rows: Rows, as_of: date) -> dict[tuple[str, str], float]:
    """By (seller, buyer): the credit that the last period's sales and terms imply."""
    last: dict[tuple[str, str, str | None], date] = {}
    for row in table(rows, "trade"):
        key, begin = (row["seller_id"], row["buyer_id"], row.get("product")), period_of(row["period"])[0]
        if begin <= as_of:
            last[key] = max(begin, last.get(key, begin))
    terms: dict[tuple[str, str], float] = {}
    for row in table(rows, "trade"):
        key = (row["seller_id"], row["buyer_id"], row.get("product"))
        begin, days = period_of(row["period"])
        if begin == last.get(key):
            credit = row["amount"] / days * number(row, "terms_days")
            terms[key[:2]] = terms.get(key[:2], 0.0) + credit
    return terms


def project_lines(rows: Rows, known: dict[str, Row]) -> list[Line]:
    lines = []
    for row in table(rows, "projects"):
        if row["spv_id"] not in known:
            continue
        draws = max(0.0, number(row, "debt_committed") - number(row, "debt_drawn"))
        for party in table(rows, "project_parties"):
            if party["project_id"] == row["project_id"] and party["role"] == "lender":
                line = Line("project", party["entity_id"], row["spv_id"], draws * number(party, "share"), "project")
                line.clause, line.project_id = "project", row["project_id"]
                lines.append(line)
    return lines


def read_lines(rows: Rows, known: dict[str, Row], as_of: date) -> list[Line]:
    lines = rolled_lines(rows, known, as_of) + undrawn_lines(rows, known, as_of)
    for (seller, buyer), credit in trade_terms(rows, as_of).items():
        if buyer in known:
            lines.append(Line("terms", seller, buyer, credit, "supplier"))
    lines += project_lines(rows, known)
    return [line for line in lines if line.amount > 0]


def read_projects(rows: Rows, known: dict[str, Row]) -> list[Project]:
    projects = []
    for row in table(rows, "projects"):
        if row["spv_id"] in known:
            parties = [
                (party["entity_id"], number(party, "share"))
                for party in table(rows, "project_parties")
                if party["project_id"] == row["project_id"] and party["role"] != "lender"
            ]
            projects.append(Project(row["project_id"], row["spv_id"], row, parties))
    return projects


# --- Guarantees ---


def counts(rows: Rows, row: Row, known: dict[str, Row], as_of: date) -> bool:
    """Whether a guarantee is in force, between entities of the data, and for a debt that can exist."""
    if row["guarantor_id"] not in known or row["debtor_id"] not in known:
        return False
    if (row.get("status") or "active") != "active" or not in_force(row, as_of, ("end", "claim_until")):
        return False
    if row.get("amount") is not None and row["amount"] <= 0:
        return False
    borrowers = {loan["loan_id"]: loan["borrower_id"] for loan in table(rows, "loans")}
    return row.get("loan_id") is None or borrowers.get(row["loan_id"]) == row["debtor_id"]


def cover_of(row: Row) -> tuple[Any, ...]:
    if row.get("loan_id") is not None:
        return (row["debtor_id"], "loan", row["loan_id"])
    return (row["debtor_id"], "creditor", row.get("creditor_id"))


def read_guarantees(
    rows: Rows, known: dict[str, Row], items: list[Item], as_of: date, *, general_waits: bool
) -> list[Guarantee]:
    valid = [row for row in table(rows, "guarantees") if counts(rows, row, known, as_of)]
    several = [cover_of(row) for row in valid if row.get("kind") == "several"]
    found = []
    for row in sorted(valid, key=lambda row: row["guarantee_id"]):
        kind = row.get("kind") or "general"
        share = 1.0
        if kind == "several":
            share = number(row, "share", 1.0 / several.count(cover_of(row)))
        guarantee = Guarantee(
            row["guarantee_id"],
            row["guarantor_id"],
            row["debtor_id"],
            number(row, "amount", math.inf),
            share,
            delayed=kind == "general" and general_waits,
            loan_id=row.get("loan_id"),
            creditor=row.get("creditor_id"),
        )
        guarantee.items = [place for place, item in enumerate(items) if covers(guarantee, item)]
        found.append(guarantee)
    return found


def covers(guarantee: Guarantee, item: Item) -> bool:
    if item.debtor != guarantee.debtor or item.creditor is None:
        return False
    if guarantee.loan_id is not None:
        return item.loan_id == guarantee.loan_id
    return guarantee.creditor is None or item.creditor == guarantee.creditor


def stake(guarantee: Guarantee, loans: list[Loan], claims: list[Claim]) -> float:
    """What a guarantor has at stake in the debtor."""
    if guarantee.cap < math.inf:
        return guarantee.cap
    covered = 0.0
    for loan in loans:
        if loan.borrower != guarantee.debtor:
            continue
        if guarantee.loan_id is not None:
            covered += loan.outstanding if loan.loan_id == guarantee.loan_id else 0.0
        else:
            lenders = loan.shares.items()
            share = sum(part for lender, part in lenders if guarantee.creditor in (None, lender))
            covered += loan.outstanding * share
    if guarantee.loan_id is None:
        for claim in claims:
            if claim.debtor == guarantee.debtor and guarantee.creditor in (None, claim.creditor):
                covered += claim.amount
    return guarantee.share * covered


# --- Stakes, trust, influence ---


def add(matrix: dict[tuple[str, str], float], known: dict[str, Row], pair: tuple[str, str], amount: float) -> None:
    """Add to one place of a matrix of the entities; what stands outside has no place in it."""
    if pair[0] in known and pair[1] in known and amount != 0:
        matrix[pair] = matrix.get(pair, 0.0) + amount


def fill_stakes(model: Model, rows: Rows, as_of: date) -> None:
    known = model.entity
    for loan in model.loans:
        for lender, share in loan.shares.items():
            pair = (lender, loan.borrower)
            add(model.balance, known, pair, loan.outstanding * share)
            add(model.at_loss, known, pair, max(0.0, loan.outstanding - loan.collateral) * share)
            add(model.relation, known, pair, loan.outstanding * share)
    for claim in model.claims:
        add(model.relation, known, (claim.creditor, claim.debtor), claim.amount)
    for pair, credit in trade_terms(rows, as_of).items():
        invoiced = sum(
            open_amount(row, as_of) for row in table(rows, "invoices") if (row["seller_id"], row["buyer_id"]) == pair
        )
        add(model.relation, known, pair, max(0.0, credit - invoiced))
    for guarantee in model.guarantees:
        pair = (guarantee.guarantor, guarantee.debtor)
        add(model.relation, known, pair, stake(guarantee, model.loans, model.claims))


def fill_trust(model: Model, rows: Rows, as_of: date) -> None:
    given = {
        (row["from_id"], row["to_id"]): float(row["trust"])
        for row in table(rows, "partnerships")
        if row.get("trust") is not None and in_force(row, as_of)
    }
    for pair in model.relation:
        pd = model.entity[pair[1]].get("pd")
        model.trust[pair] = given.get(pair, 0.5 if pd is None else 1.0 - pd)


def same_group(model: Model, i: str, k: str) -> bool:
    group = model.entity[i].get("group_id")
    return group is not None and model.entity[k].get("group_id") == group


def fill_influence(model: Model, rows: Rows, as_of: date) -> None:
    ids = model.ids
    influence = {i: dict.fromkeys(ids, 0.0) for i in ids}
    for row in table(rows, "partnerships"):
        one, other = row["from_id"], row["to_id"]
        if one in influence and other in influence and in_force(row, as_of):
            influence[one][other] += number(row, "weight")
            influence[other][one] += number(row, "weight")
    for i in ids:
        others = [k for k in ids if k != i and same_group(model, i, k)]
        for k in others:
            influence[i][k] += 1.0 / len(others)
    for project in model.projects:
        for party, share in project.parties:
            if party in influence and party != project.spv:
                influence[project.spv][party] += share
    for i in ids:
        total = sum(influence[i].values())
        if total > 1:
            influence[i] = {k: weight / total for k, weight in influence[i].items()}
    model.influence = influence


# --- The map ---


def read_off(points: Table, x: float) -> float:
    """Straight between the points, flat beyond them, the first of two points at a step, with a billionth of slack."""
    steps = [one[0] for one, other in pairwise(points) if one[0] == other[0]]
    x = next((at for at in steps if at < x <= at + TIE), x)
    if x <= points[0][0]:
        return float(points[0][1])
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 < x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return float(points[-1][1])


def phi(reactions: Row, ratio: float) -> float:
    if reactions["phi"] is not None:
        return min(1.0, read_off(reactions["phi"], ratio))
    return min(1.0, float(reactions["a"]) * ratio)


def liquidity(model: Model, case: Case, old: State, new: State) -> None:
    """Step 1: what everybody has, and what it pays of what it owes."""
    for i in model.ids:
        other = old.received.get(i, 0.0) + old.receipts.get(i, 0.0)
        for line, kept in zip(model.lines, old.kept, strict=True):
            if line.holder == i and line.kind in ("undrawn", "project"):
                other += line.amount * kept
            elif line.holder == i:
                other -= line.amount * (1 - kept)
        cash = case.cash[i]
        if i in case.raised:
            cash = max(cash, model.obligation[i] - other)
        new.cash[i] = cash
        new.before_floor[i] = cash + other
        new.means[i] = max(0.0, new.before_floor[i])
    withheld = dict.fromkeys(model.ids, 0.0)
    for item, kept_back in zip(model.items, case.withheld, strict=True):
        withheld[item.debtor] += kept_back
    for i in model.ids:
        payable = max(0.0, model.obligation[i] - withheld[i])
        new.paid[i] = min(payable, new.means[i])
        if i in case.raised:
            new.paid[i] = payable  # its cash was raised to this; rounding must not take a cent
        missing = 1 - new.paid[i] / model.obligation[i] if model.obligation[i] > 0 else 0.0
        new.ratio[i] = missing if missing >= TIE else 0.0
    for item, kept_back in zip(model.items, case.withheld, strict=True):
        payable = model.obligation[item.debtor] - withheld[item.debtor]
        share = min(1.0, new.paid[item.debtor] / payable) if payable > 0 else 0.0
        amount = max(0.0, item.amount - kept_back) * share
        new.item_paid.append(amount)
        new.received[item.creditor] = new.received.get(item.creditor, 0.0) + amount


def call_guarantees(model: Model, new: State) -> None:
    """Step 2: each guarantee in the order of ids, from what the guarantor's own debts leave it."""
    unpaid = [max(0.0, item.amount - paid) for item, paid in zip(model.items, new.item_paid, strict=True)]
    still = list(unpaid)
    left = {i: max(0.0, new.means[i] - model.obligation[i]) for i in model.ids}
    for guarantee in model.guarantees:
        lacking = sum(still[place] for place in guarantee.items)
        wanted = guarantee.share * sum(unpaid[place] for place in guarantee.items)
        pays = 0.0 if guarantee.delayed else min(guarantee.cap, wanted, lacking, left[guarantee.guarantor])
        new.called.append(pays)
        left[guarantee.guarantor] -= pays
        for place in guarantee.items:
            part = pays * still[place] / lacking if lacking > 0 else 0.0
            still[place] -= part
            creditor = model.items[place].creditor
            new.receipts[creditor] = new.receipts.get(creditor, 0.0) + part


def lose_trust(model: Model, old: State, new: State) -> None:
    """Step 3: distrust of everybody, own and reflected."""
    delta = float(model.reactions["delta"])
    for i in model.ids:
        reflected = sum(weight * old.distrust[k] for k, weight in model.influence[i].items())
        new.distrust[i] = min(1.0, phi(model.reactions, new.ratio[i]) + delta * reflected)


def in_default(model: Model, state: State, i: str) -> bool:
    return state.ratio[i] > float(model.reactions["materiality"])


def loss_given_default(model: Model, i: str) -> float:
    return number(model.entity[i], "loss_given_default", float(model.reactions["loss_given_default"]))


def credit_losses(model: Model, state: State, lender: str) -> float:
    return sum(
        loss_given_default(model, obligor) * amount
        for (creditor, obligor), amount in model.at_loss.items()
        if creditor == lender and in_default(model, state, obligor)
    )


def willingness(model: Model, state: State, giver: str) -> float:
    """m_f: how far a financier's own losses let it lend."""
    equity = model.entity[giver].get("equity") if giver in model.entity else None
    if equity is None:
        return 1.0
    capital = float(equity)
    loss = credit_losses(model, state, giver)
    if loss <= 0:
        return 1.0
    if capital <= 0:
        return 0.0
    return min(1.0, max(0.0, 1.0 - float(model.reactions["kappa"]) * loss / capital))


def keep_table(model: Model, line: Line) -> Table:
    keep: dict[str, Table] = {**DEFAULT_KEEP, **model.reactions.get("keep", {})}
    named: dict[str, Table] = model.reactions.get("keep_by", {})
    if line.giver in named:
        return named[line.giver]
    kind = model.entity.get(line.giver, {}).get("kind")
    if line.role != "project" and kind in keep:
        return keep[kind]
    return keep[line.role]


def project_state(model: Model, project: Project, state: State) -> tuple[float | None, bool, bool]:
    """DSCR, whether it locks up, and whether draws stop."""
    late = [share for party, share in project.parties if state.ratio.get(party, 0.0) > 0]
    row, dscr, lockup, stop = project.row, None, False, False
    if number(row, "cfads") != 0 and number(row, "debt_service") != 0:
        cfads = row["cfads"] * (1 - float(model.reactions["cfads_lost"]) * sum(late))
        dscr = cfads / row["debt_service"]
        slack = TIE * abs(dscr)
        lockup = number(row, "dscr_lockup") != 0 and dscr < row["dscr_lockup"] - slack
        stop = number(row, "dscr_default") != 0 and dscr < row["dscr_default"] - slack
    major = number(row, "major_party_share")
    stop = stop or (major != 0 and any(share >= major for share in late))
    return dscr, lockup, stop


def contract_holds(model: Model, line: Line, state: State) -> bool:
    if line.clause == "cross_default":
        elsewhere = sum(
            item.amount - paid
            for item, paid in zip(model.items, state.item_paid, strict=True)
            if item.debtor == line.holder and item.creditor != line.giver
        )
        return elsewhere <= line.threshold + TIE * model.obligation[line.holder]
    if line.clause == "recourse":
        return state.ratio[line.holder] <= 0
    if line.clause == "project":
        project = next(project for project in model.projects if project.project_id == line.project_id)
        return not project_state(model, project, state)[2]
    return True


def finance(model: Model, new: State) -> None:
    """Step 4: what is left of each line."""
    willing = {line.giver: willingness(model, new, line.giver) for line in model.lines}
    for line in model.lines:
        share = 1.0
        if model.feedback:
            if line.cancellable:
                watched = line.holder if line.follows is None else line.follows
                distrust = new.distrust.get(watched, 0.0)
                share = min(read_off(keep_table(model, line), distrust), willing[line.giver])
            if not contract_holds(model, line, new):
                share = 0.0
        new.kept.append(share)


def next_round(model: Model, case: Case, old: State) -> State:
    new = State({}, [], {}, [], {}, {}, [])
    liquidity(model, case, old, new)
    call_guarantees(model, new)
    lose_trust(model, old, new)
    finance(model, new)
    return new


def movement(model: Model, old: State, new: State) -> tuple[float, float]:
    """The largest change of money, and of distrust."""
    money = [abs(new.paid[i] - old.paid[i]) for i in model.ids]
    for creditor in {*old.received, *new.received}:
        money.append(abs(new.received.get(creditor, 0.0) - old.received.get(creditor, 0.0)))
        money.append(abs(new.receipts.get(creditor, 0.0) - old.receipts.get(creditor, 0.0)))
    money += [abs(after - before) for before, after in zip(old.called, new.called, strict=True)]
    for line, share, share_now in zip(model.lines, old.kept, new.kept, strict=True):
        money.append(line.amount * abs(share_now - share))
    trust = [abs(new.distrust[i] - old.distrust[i]) for i in model.ids]
    return max(money, default=0.0), max(trust, default=0.0)


def to_rest(model: Model, case: Case, start: State, max_rounds: int) -> tuple[list[State], float, bool]:
    """The states from the start to rest, the last money movement, and whether it came to rest."""
    states, money = [start], 0.0
    for _ in range(max_rounds):
        states.append(next_round(model, case, states[-1]))
        money, trust = movement(model, states[-2], states[-1])
        if money <= model.still and trust <= REST:
            return states, money, True
    return states, money, False


def start_state(model: Model, *, best: bool) -> State:
    """No distress at all, or nothing but distress."""
    level = 1.0 if best else 0.0
    state = State(
        paid={i: level * model.obligation[i] for i in model.ids},
        item_paid=[level * item.amount for item in model.items],
        received={},
        called=[0.0] * len(model.guarantees),
        receipts={},
        distrust=dict.fromkeys(model.ids, 1.0 - level),
        kept=[level] * len(model.lines),
    )
    for item, paid in zip(model.items, state.item_paid, strict=True):
        state.received[item.creditor] = state.received.get(item.creditor, 0.0) + paid
    return state


# --- What comes out ---


@dataclass
class Losses:
    """The columns of every entity, and what is lost outside, as the run less the baseline."""

    columns: dict[str, dict[str, float]]
    outside: float
    called: float


def rises(model: Model, base: State, now: State, guarantor: str) -> tuple[float, float]:
    """Rise and fall of what a guarantor pays, guarantee by guarantee."""
    rise = fall = 0.0
    for guarantee, before, after in zip(model.guarantees, base.called, now.called, strict=True):
        if guarantee.guarantor == guarantor:
            rise += max(0.0, after - before)
            fall += max(0.0, before - after)
    return rise, fall


def net_shortfall(base: State, now: State, creditor: str | None) -> float:
    fall = base.received.get(creditor, 0.0) - now.received.get(creditor, 0.0)
    return fall - (now.receipts.get(creditor, 0.0) - base.receipts.get(creditor, 0.0))


def trust_lost(model: Model, base: State, now: State, j: str) -> float:
    fall = now.distrust[j] - base.distrust[j]
    return sum(amount * model.trust[pair] * fall for pair, amount in model.relation.items() if pair[1] == j)


def financing_lost(model: Model, base: State, now: State, holder: str) -> float:
    return sum(
        line.amount * (before - after)
        for line, before, after in zip(model.lines, base.kept, now.kept, strict=True)
        if line.holder == holder
    )


def losses(model: Model, base: State, now: State) -> Losses:
    columns = {}
    total_called = 0.0
    for i in model.ids:
        rise, fall = rises(model, base, now, i)
        total_called += rise
        passed_on = base.paid[i] - now.paid[i] - (model.shock if i == model.subject else 0.0) + fall
        column = {
            "cash_shortfall": net_shortfall(base, now, i) + rise,
            "credit_loss": credit_losses(model, now, i) - credit_losses(model, base, i),
            "trust_loss": trust_lost(model, base, now, i),
            "financing_loss": financing_lost(model, base, now, i),
            "passed_on": passed_on,
        }
        column["absorbed"] = column["cash_shortfall"] + column["financing_loss"] - passed_on
        columns[i] = column
    strangers = {item.creditor for item in model.items if item.creditor not in model.entity}
    outside = sum(net_shortfall(base, now, creditor) for creditor in strangers)
    return Losses(columns, outside, total_called)


def changed(model: Model, before: float, after: float) -> bool:
    """Whether a figure moved by more than a billionth of itself, and by more than rounding does."""
    step = abs(after - before)
    return step > TIE * max(abs(before), abs(after)) and step > model.still


def count_rounds(model: Model, history: list[Losses]) -> tuple[int, dict[str, int | None]]:
    last = 0
    first: dict[str, int | None] = dict.fromkeys(model.ids)
    for number_, (before, after) in enumerate(pairwise(history), 1):
        if changed(model, before.outside, after.outside):
            last = number_
        for i in model.ids:
            if any(changed(model, before.columns[i][c], after.columns[i][c]) for c in MONEY_COLUMNS):
                last = number_
                if first[i] is None:
                    first[i] = number_
    first[model.subject] = 0
    return last, first


def by_round(history: list[Losses], rounds: int) -> list[dict[str, float]]:
    """New losses of each round; what trickles in after the last one counts with it."""

    def totals(place: int) -> dict[str, float]:
        found = history[place]
        result = {c: sum(column[c] for column in found.columns.values()) for c in MONEY_COLUMNS}
        result["cash_shortfall"] += found.outside
        return result

    table_ = []
    before = totals(0)
    for number_ in range(1, rounds + 1):
        after = totals(number_ if number_ < rounds else -1)
        table_.append({"round": number_, **{c: after[c] - before[c] for c in MONEY_COLUMNS}})
        before = after
    return table_


def contract_edges(model: Model) -> list[tuple[str, str | None]]:
    pairs: list[tuple[str, str | None]] = [(item.debtor, item.creditor) for item in model.items]
    pairs += [(obligor, lender) for lender, obligor in model.balance]
    for line in model.lines:
        pairs.append((line.giver, line.holder))
        if line.follows is not None:
            pairs.append((line.follows, line.holder))
    return pairs


def guarantee_edges(model: Model) -> list[tuple[str, str | None]]:
    pairs: list[tuple[str, str | None]] = []
    for guarantee in model.guarantees:
        if guarantee.items and guarantee.share > 0 and not guarantee.delayed:
            pairs.append((guarantee.debtor, guarantee.guarantor))
            pairs += [(guarantee.guarantor, model.items[place].creditor) for place in guarantee.items]
    return pairs


def reflection_edges(model: Model) -> list[tuple[str, str | None]]:
    pairs: list[tuple[str, str | None]] = []
    for i in model.ids:
        pairs += [(k, i) for k, weight in model.influence[i].items() if weight > 0]
    for project in model.projects:
        pairs += [(party, project.spv) for party, _ in project.parties]
    return pairs


def edges(model: Model) -> dict[str, set[str]]:
    """Where distress at an entity may arrive next."""
    out: dict[str, set[str]] = {i: set() for i in model.ids}
    for one, other in contract_edges(model) + guarantee_edges(model) + reflection_edges(model):
        if one in out and other in out and other is not None:
            out[one].add(other)
    return out


def distances(model: Model) -> dict[str, int | None]:
    out, found = edges(model), {model.subject: 0}
    queue = deque([model.subject])
    while queue:
        here = queue.popleft()
        for there in sorted(out[here]):
            if there not in found:
                found[there] = found[here] + 1
                queue.append(there)
    return {i: found.get(i) for i in model.ids}


def npl_ratio(model: Model, state: State, lender: str) -> float | None:
    own = {obligor: amount for (creditor, obligor), amount in model.balance.items() if creditor == lender}
    total = sum(own.values())
    bad = sum(amount for obligor, amount in own.items() if in_default(model, state, obligor))
    return bad / total if total > 0 else None


def level(model: Model, state: State, i: str) -> dict[str, float]:
    """What an entity has and does with it, in one state."""
    own = [(line, kept) for line, kept in zip(model.lines, state.kept, strict=True) if line.holder == i]
    drawable = ("undrawn", "project")
    return {
        "cash": state.cash[i],
        "obligation": model.obligation[i],
        "payment": state.paid[i],
        "receivable": sum(item.amount for item in model.items if item.creditor == i),
        "received": state.received.get(i, 0.0),
        "guarantee_receipts": state.receipts.get(i, 0.0),
        "guarantees_paid": sum(
            paid for g, paid in zip(model.guarantees, state.called, strict=True) if g.guarantor == i
        ),
        "kept_undrawn": sum(line.amount * kept for line, kept in own if line.kind in drawable),
        "withdrawn": sum(line.amount * (1 - kept) for line, kept in own if line.kind not in drawable),
        "gap": max(0.0, -state.before_floor[i]),
        "trust_at_stake": sum(amount * model.trust[p] for p, amount in model.relation.items() if p[1] == i),
        "distrust": state.distrust[i],
        "defaulted": float(in_default(model, state, i)),
    }


def outside_level(model: Model, state: State) -> dict[str, float]:
    """What creditors outside the data get."""
    strangers = {item.creditor for item in model.items if item.creditor not in model.entity}
    return {
        "received": sum(state.received.get(creditor, 0.0) for creditor in strangers),
        "guarantee_receipts": sum(state.receipts.get(creditor, 0.0) for creditor in strangers),
    }


def entity_rows(
    model: Model, base: State, now: State, found: Losses, first: dict[str, int | None]
) -> dict[str, dict[str, Any]]:
    hops = distances(model)
    result = {}
    for i in model.ids:
        stakes = [trust for (_, j), trust in model.trust.items() if j == i]
        prior = sum(stakes) / len(stakes) if stakes else 0.0
        before, after = level(model, base, i), level(model, now, i)
        result[i] = {
            "entity_id": i,
            "distance": hops[i],
            "first_round": first[i],
            **found.columns[i],
            "trust_fall": prior * (now.distrust[i] - base.distrust[i]),
            "gap": after["gap"] - before["gap"],
            "defaulted": in_default(model, now, i),
            "npl_before": npl_ratio(model, base, i),
            "npl_after": npl_ratio(model, now, i),
            "level_before": before,
            "level": after,
        }
    return result


def summarise(model: Model, base: State, states: list[State], history: list[Losses], rounds: int) -> dict[str, Any]:
    unknown = [i for i in model.ids if model.entity[i].get("cash") is None]
    now, found = states[-1], history[-1]
    total = {c: sum(column[c] for column in found.columns.values()) for c in found.columns[model.subject]}
    unpaid = sum(base.paid[i] - now.paid[i] for i in model.ids)
    terms = sum(
        line.amount * (before - after)
        for line, before, after in zip(model.lines, base.kept, now.kept, strict=True)
        if line.kind == "terms"
    )
    return {
        "overdue_total": model.shock,
        "first_round_loss": sum(base.paid[i] - states[min(1, len(states) - 1)].paid[i] for i in model.ids),
        "amplification": unpaid / model.shock if model.shock > 0 else None,
        "rounds": rounds,
        "vanished": model.shock + total["financing_loss"],
        "absorbed": total["absorbed"],
        "absorbed_outside": found.outside,
        "by_channel": {
            "default": total["cash_shortfall"] - found.called + found.outside,
            "guarantee": found.called,
            "supply": terms,
            "funding": total["financing_loss"] - terms,
            "trust": total["trust_loss"],
        },
        "by_round": by_round(history, rounds),
        "unknown_cash_entities": len(unknown),
        "unknown_cash_passed_on": sum(found.columns[i]["passed_on"] for i in unknown),
    }


def detail(model: Model, base: State, now: State) -> dict[str, list[dict[str, Any]]]:
    lines = [
        {
            "kind": "undrawn" if line.kind == "project" else line.kind,
            "giver": line.giver,
            "holder": line.holder,
            "amount": line.amount,
            "kept_before": line.amount * before,
            "kept": line.amount * after,
        }
        for line, before, after in zip(model.lines, base.kept, now.kept, strict=True)
    ]
    guarantees = [
        {"guarantee_id": guarantee.guarantee_id, "paid_before": before, "paid": after}
        for guarantee, before, after in zip(model.guarantees, base.called, now.called, strict=True)
    ]
    projects = []
    for project in model.projects:
        before, _, _ = project_state(model, project, base)
        after, lockup, stop = project_state(model, project, now)
        projects.append(
            {
                "project_id": project.project_id,
                "dscr_before": before,
                "dscr_after": after,
                "dscr": after,
                "lockup": lockup,
                "drawstop": stop,
            }
        )
    return {"lines": lines, "guarantees": guarantees, "projects": projects}


# --- The question ---


def build(rows: Rows, as_of: date, horizon_days: int, subject: str, *, reactions: Row, overdue: float | None) -> Model:
    known = entities_of(rows)
    if subject not in known:
        raise KeyError(subject)
    last_day = as_of + timedelta(days=horizon_days)
    chosen = {**DEFAULTS, **reactions}
    loans = read_loans(rows, known, as_of, last_day)
    claims = [claim for row in table(rows, "invoices") for claim in invoice_claims(row, as_of)]
    items = read_items(rows, loans, known, as_of, last_day)
    shock = withhold(items, subject, overdue)
    general_waits = chosen["general_delay_days"] > horizon_days
    model = Model(
        ids=list(known),
        entity=known,
        subject=subject,
        shock=shock,
        loans=loans,
        claims=claims,
        items=items,
        lines=read_lines(rows, known, as_of),
        guarantees=read_guarantees(rows, known, items, as_of, general_waits=general_waits),
        projects=read_projects(rows, known),
        reactions=chosen,
        feedback=True,
    )
    model.obligation = {i: sum(item.amount for item in items if item.debtor == i) for i in model.ids}
    fill_stakes(model, rows, as_of)
    fill_trust(model, rows, as_of)
    fill_influence(model, rows, as_of)
    amounts = [*model.obligation.values(), *model.balance.values(), *(line.amount for line in model.lines)]
    largest = max([shock, *amounts])
    model.still = REST * (shock or largest) + ROUNDING * largest
    return model


def own_cash(row: Row, horizon_days: int, unknown_cash: str) -> float | None:
    """Cash that is known or assumed from the start; None where it follows from the baseline."""
    cash = row.get("cash")
    if cash is None:
        if unknown_cash == "refuse":
            raise UnknownCashError(row["entity_id"])
        if unknown_cash == "just_solvent":
            return None
        days = 0.0 if unknown_cash == "zero" else float(unknown_cash.removesuffix("d"))
        cash = number(row, "monthly_outflow") * days / 30
    flow = number(row, "monthly_inflow") - number(row, "monthly_outflow")
    return max(0.0, cash + flow * horizon_days / 30)


def spread(
    rows: Rows,
    *,
    as_of: date,
    horizon_days: int,
    subject: str,
    reactions: Row,
    overdue: float | None = None,
    feedback: bool = True,
    extreme: str = "greatest",
    unknown_cash: str = "just_solvent",
    max_rounds: int = 10_000,
) -> dict[str, Any]:
    """Spread the overdue total of one entity over everybody else.

    Parameters
    ----------
    rows : dict of str to list of dict
        The tables, amounts in units of one currency, dates as dates, flags as bools, None or no key for null.
    as_of : date
        The day of the data.
    horizon_days : int
        Days in which what falls due counts.
    subject : str
        The entity that does not pay.
    reactions : dict
        What a reactions file says; what is missing has its default.
    overdue : float, optional
        What the subject withholds; None: all that is overdue.
    feedback : bool
        Whether financing is ever withdrawn.
    extreme : str
        ``greatest`` (from the baseline down) or ``least`` (from the worst start up).
    unknown_cash : str
        ``just_solvent``, ``zero``, ``refuse`` or a number of days of outflow, such as ``30d``.
    max_rounds : int
        Rounds after which it stops without rest.

    Returns
    -------
    dict
        ``summary``; ``entities`` by id, each with its levels in baseline and run; ``shown``, the ids of the rows
        that are shown; ``rows``, those rows; ``outside`` and ``outside_before``, what creditors outside get;
        ``detail`` with lines, guarantees and projects; ``converged``.
    """
    model = build(rows, as_of, horizon_days, subject, reactions=reactions, overdue=overdue)
    model.feedback = feedback
    convention = unknown_cash.replace("-", "_")
    cash = {i: own_cash(model.entity[i], horizon_days, convention) for i in model.ids}
    start_cash = {i: amount or 0.0 for i, amount in cash.items()}
    pinned = {i for i, amount in cash.items() if amount is None} | {subject}

    nothing = [0.0] * len(model.items)
    baseline = Case(nothing, start_cash, pinned)
    base_states, _, base_rest = to_rest(model, baseline, start_state(model, best=True), max_rounds)
    base = base_states[-1]

    run_cash = dict(base.cash)
    run_cash[subject] = max(start_cash[subject], base.cash[subject] - model.shock)
    run = Case([item.withheld for item in model.items], run_cash, set())
    start = base if extreme == "greatest" else start_state(model, best=False)
    states, certificate, rest = to_rest(model, run, start, max_rounds)

    history = [losses(model, base, base)] + [losses(model, base, state) for state in states[1:]]
    rounds, first = count_rounds(model, history)
    found = entity_rows(model, base, states[-1], history[-1], first)
    summary = summarise(model, base, states, history, rounds)
    summary["certificate"] = certificate
    shown = shown_ids(model, found)
    return {
        "summary": summary,
        "entities": found,
        "shown": shown,
        "rows": [found[i] for i in shown],
        "outside_before": outside_level(model, base),
        "outside": outside_level(model, states[-1]),
        "detail": detail(model, base, states[-1]),
        "converged": base_rest and rest,
    }


def shown_ids(model: Model, found: dict[str, dict[str, Any]]) -> list[str]:
    """The subject, then in the order of ids everybody with a money column that is not nothing."""
    columns = (*MONEY_COLUMNS, "absorbed", "passed_on", "gap")
    totals = [sum(found[i][c] for i in model.ids) for c in ("financing_loss", "trust_loss", "credit_loss")]
    floor = max(model.still, TIE * max(model.shock + totals[0], *totals[1:]))
    hit = [i for i in model.ids if any(abs(found[i][c]) > floor for c in columns)]
    return [model.subject, *sorted(i for i in hit if i != model.subject)]
