"""Small random books of contracts in which every channel of the spread model occurs.

The books are drawn so that losses often travel: cash is near what its owner needs to pay when all others pay,
limits and advances fill the gap, and guarantees, groups and projects tie the entities together. Amounts are
whole units of currency, so that minor units hold them exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from . import spread_twin as twin

if TYPE_CHECKING:
    import numpy as np

AS_OF = date(2024, 6, 30)
OUTSIDE = ("O1", "O2")
KINDS = ("company", "bank", "platform", "person", "guarantor_co", "company", "company", "bank")
TABLES = (
    "entities",
    "loans",
    "loan_shares",
    "schedule",
    "payments",
    "facilities",
    "trade",
    "invoices",
    "guarantees",
    "partnerships",
    "collateral",
    "projects",
    "project_parties",
)
FLAGS = (None, True, False)
OFTEN = (None, True, True, False)
SELDOM = (None, False, False, False, True)

Book = tuple[twin.Rows, twin.Row, str, date, int, float | None]


@dataclass
class Draw:
    """The dice, and the book as it grows."""

    rng: np.random.Generator
    ids: list[str]
    rows: twin.Rows = field(default_factory=lambda: {name: [] for name in TABLES})

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, *values: Any) -> Any:
        return values[int(self.rng.integers(len(values)))]

    def amount(self, low: int, high: int, step: int = 100) -> float:
        return float(step * int(self.rng.integers(low // step, high // step + 1)))

    def share(self, low: float, high: float) -> float:
        return round(float(self.rng.uniform(low, high)), 2)

    def day(self, low: int, high: int) -> date:
        return AS_OF + timedelta(days=int(self.rng.integers(low, high + 1)))

    def entity(self, *but: str, outside: float = 0.0) -> str:
        """Return an entity that is none of those named; in a share of cases an id that has no row."""
        if self.chance(outside):
            return str(self.pick(*OUTSIDE))
        return str(self.pick(*[i for i in self.ids if i not in but]))

    def add(self, table: str, **row: Any) -> None:
        """Add a row without its blanks, as a reader of files would see it."""
        self.rows[table].append({column: value for column, value in row.items() if value is not None})

    def maybe(self, share: float, value: Any) -> Any:
        return value if self.chance(share) else None


def random_book(rng: np.random.Generator, entities: int) -> Book:
    """Draw a book, reactions and a question about it.

    Parameters
    ----------
    rng : numpy.random.Generator
        The dice; the same state gives the same book.
    entities : int
        Number of entities, at least 2.

    Returns
    -------
    tuple
        The rows by table, the reactions, the subject, the date, the horizon in days and the overdue total asked
        about, None for all that is overdue.
    """
    draw = Draw(rng, [f"E{number}" for number in range(1, entities + 1)])
    horizon_days = int(draw.pick(30, 60, 90, 90, 200))
    add_entities(draw)
    for number in range(int(rng.integers(entities, 2 * entities + 2))):
        add_loan(draw, f"L{number:02d}")
    for number in range(int(rng.integers(1, entities + 2))):
        add_facility(draw, f"C{number:02d}")
    for number in range(int(rng.integers(entities, 2 * entities + 1))):
        add_invoice(draw, f"V{number:02d}")
    for _ in range(int(rng.integers(0, entities + 1))):
        add_trade(draw)
    for number in range(int(rng.integers(0, entities + 2))):
        add_guarantee(draw, f"G{number:02d}")
    if draw.chance(0.3):
        add_mutual_guarantees(draw)
    for _ in range(int(rng.integers(0, entities))):
        add_partnership(draw)
    if draw.chance(0.45):
        add_project(draw)
    reactions = random_reactions(draw)
    owed = what_is_owed(draw.rows, horizon_days)
    set_cash(draw, owed, needed_cash(draw, reactions, horizon_days))
    debtors = [i for i in draw.ids if owed[i][0] > 0]
    subject = str(draw.pick(*debtors)) if debtors else draw.ids[0]
    return draw.rows, reactions, subject, AS_OF, horizon_days, question(draw, *owed[subject])


def what_is_owed(rows: twin.Rows, horizon_days: int) -> dict[str, tuple[float, float]]:
    """By entity: all that it owes inside the horizon, and what of it is overdue."""
    known = twin.entities_of(rows)
    last_day = AS_OF + timedelta(days=horizon_days)
    loans = twin.read_loans(rows, known, AS_OF, last_day)
    items = twin.read_items(rows, loans, known, AS_OF, last_day)
    return {
        i: (
            sum(item.amount for item in items if item.debtor == i),
            sum(item.overdue for item in items if item.debtor == i),
        )
        for i in known
    }


def question(draw: Draw, owed: float, late: float) -> float | None:
    """An overdue total below, at or above what is overdue, or above all that is owed."""
    if late > 0 and draw.chance(0.45):
        return None
    return float(
        draw.pick(
            round(0.5 * late) or round(0.3 * owed),
            late or owed,
            round(late + 0.5 * (owed - late)),
            round(late + 0.8 * (owed - late)),
            owed + 700.0 if draw.chance(0.3) else owed,
        )
    )


def add_entities(draw: Draw) -> None:
    for i in draw.ids:
        draw.add(
            "entities",
            entity_id=i,
            name=f"Entity {i}",
            kind=draw.pick(*KINDS),
            group_id=draw.maybe(0.3, draw.pick("N1", "N2")),
            equity=draw.maybe(0.6, draw.pick(0.0, -500.0, *(draw.amount(500, 15000) for _ in range(8)))),
            pd=draw.maybe(0.4, draw.share(0, 0.4)),
            loss_given_default=draw.maybe(0.3, draw.share(0.1, 0.9)),
        )


def needed_cash(draw: Draw, reactions: twin.Row, horizon_days: int) -> dict[str, float]:
    """By entity: the cash with which it can just pay, if everybody else does."""
    found = twin.spread(
        draw.rows,
        as_of=AS_OF,
        horizon_days=horizon_days,
        subject=draw.ids[0],
        reactions=reactions,
        overdue=0.0,
    )
    return {i: row["level_before"]["cash"] for i, row in found["entities"].items()}


def set_cash(draw: Draw, owed: dict[str, tuple[float, float]], needed: dict[str, float]) -> None:
    """Give everybody cash a little above, sometimes below or far above its need; sometimes it is unknown."""
    for row in draw.rows["entities"]:
        need, due = needed[row["entity_id"]], owed[row["entity_id"]][0]
        spare = due * draw.share(0.0, 0.3)
        cash = draw.pick(*[need + spare] * 8, need + due, 0.5 * need, 0.0, None)
        if cash is not None:
            row["cash"] = float(round(cash + 0.5))
        if draw.chance(0.2):
            row["monthly_inflow"] = draw.amount(0, 500)
        if draw.chance(0.2):
            row["monthly_outflow"] = draw.amount(0, 300)


def add_loan(draw: Draw, loan_id: str, *, facility: twin.Row | None = None) -> None:
    borrower = draw.entity() if facility is None else facility["borrower_id"]
    lender = draw.entity(borrower, outside=0.1) if facility is None else facility["provider_id"]
    principal = draw.amount(1000, 12000)
    count = int(draw.rng.integers(2, 6))
    first = draw.day(-150, 60)
    start = first - timedelta(days=30)
    plan = split(draw, principal, count)
    dates = [first + timedelta(days=30 * place) for place in range(count)]
    interest = [draw.amount(0, 400, 10) for _ in plan]
    paid = add_payments(draw, loan_id, dates, plan, interest)
    add_schedule(draw, loan_id, dates, plan, interest)
    left = principal - paid
    status = draw.pick(*["active", None] * 5, "settled", "written_off", "sold")
    written_off = status == "written_off" or None
    accelerated = status in ("active", None) and draw.chance(0.1)
    draw.add(
        "loans",
        loan_id=loan_id,
        borrower_id=borrower,
        lender_id=lender,
        principal=principal,
        outstanding=draw.pick(None, left, left, left, max(0.0, left - 100.0)),
        annual_rate=draw.maybe(0.8, 0.06),
        start_date=start,
        maturity_date=dates[-1],
        facility_id=None if facility is None else facility["facility_id"],
        status=status,
        write_off_date=written_off and draw.pick(None, draw.day(-20, 0)),
        accelerated_on=draw.pick(draw.day(-30, 0), AS_OF, draw.day(1, 20)) if accelerated else None,
    )
    if draw.chance(0.2):
        add_shares(draw, loan_id, borrower, lender)
    if draw.chance(0.2):
        add_collateral(draw, loan_id, borrower)


def split(draw: Draw, total: float, count: int) -> list[float]:
    """Whole parts of a total, some of them 0."""
    cuts = sorted(float(round(total * draw.share(0, 1) / 10) * 10) for _ in range(count - 1))
    return [after - before for before, after in zip([0.0, *cuts], [*cuts, total], strict=True)]


def add_payments(draw: Draw, loan_id: str, dates: list[date], plan: list[float], interest: list[float]) -> float:
    """Pay the oldest instalments, most often all that fell due, and return the principal paid by the day."""
    fallen = sum(day < AS_OF for day in dates)
    missed = int(draw.pick(0, 0, 0, 1, 1, 2))
    whole = max(0, fallen - missed)
    if whole == fallen and whole < len(plan) and draw.chance(0.1):
        whole += 1  # an instalment is paid early
    total = 0.0
    for place in range(min(len(plan), whole + 1)):
        part = 1.0 if place < whole else draw.pick(0.0, 0.0, 0.5)
        principal = float(round(plan[place] * part))
        share = float(round(interest[place])) if part > 0 else 0.0
        if principal + share == 0:
            continue
        paid_date = min(dates[place], AS_OF) if part == 1.0 else AS_OF - timedelta(days=3)
        if paid_date <= dates[0] - timedelta(days=30):
            continue  # before the money was lent
        total += principal
        draw.add(
            "payments",
            payment_id=f"{loan_id}-{place}",
            loan_id=loan_id,
            paid_date=paid_date,
            amount=principal + share,
            principal=principal,
            interest=share,
            penalty=0.0,
            fee=0.0,
            kind=draw.pick("pay", None),
        )
    if draw.chance(0.1):  # money that arrives after the day does not count yet
        later = AS_OF + timedelta(days=5)
        extra = {"loan_id": loan_id, "paid_date": later, "amount": 100.0, "principal": 100.0, "interest": 0.0}
        draw.add("payments", payment_id=f"{loan_id}-late", **extra)
    return total


def add_schedule(draw: Draw, loan_id: str, dates: list[date], plan: list[float], interest: list[float]) -> None:
    """The plan, sometimes with a revised one that holds, or does not hold yet."""
    same_day = draw.pick(None, dates[0] - timedelta(days=30))
    for place, day in enumerate(dates):
        draw.add(
            "schedule",
            loan_id=loan_id,
            no=place + 1,
            due_date=day,
            principal_due=plan[place],
            interest_due=interest[place],
            version=draw.pick(None, "original") if same_day is None else "original",
            valid_from=same_day,
        )
    if draw.chance(0.15):
        valid_from = draw.pick(same_day or draw.day(-40, 0), draw.day(-40, 0), AS_OF, draw.day(1, 30))
        for place, day in enumerate(dates):
            draw.add(
                "schedule",
                loan_id=loan_id,
                no=place + 1,
                due_date=day + timedelta(days=45),
                principal_due=plan[place],
                interest_due=interest[place] + 20.0,
                version="revised",
                valid_from=valid_from,
            )


def add_shares(draw: Draw, loan_id: str, borrower: str, lender: str) -> None:
    """Co-lenders whose shares sum to 1 or leave a rest to the lender of the loan."""
    others = sorted({draw.entity(borrower, outside=0.2), draw.entity(borrower, outside=0.2), lender})
    shares = draw.pick([0.5, 0.25, 0.25], [0.6, 0.3, 0.1], [0.2, 0.3, 0.1])
    for other, share in zip(others, shares, strict=False):
        draw.add("loan_shares", loan_id=loan_id, lender_id=other, share=share)


def add_collateral(draw: Draw, loan_id: str, borrower: str) -> None:
    for number in range(int(draw.pick(1, 1, 2))):
        draw.add(
            "collateral",
            collateral_id=f"K-{loan_id}-{number}",
            owner_id=draw.pick(borrower, draw.entity()),
            loan_id=loan_id,
            value=draw.amount(200, 6000),
            haircut=draw.pick(None, 0.0, 0.3),
        )


def add_facility(draw: Draw, facility_id: str) -> None:
    borrower = draw.entity()
    row = {
        "facility_id": facility_id,
        "borrower_id": borrower,
        "provider_id": draw.entity(borrower, outside=0.15),
    }
    drawn = draw.pick(None, 0.0, draw.amount(0, 5000))
    base = 0.0 if drawn is None else drawn
    if drawn is None and draw.chance(0.7):
        add_loan(draw, f"M{facility_id}", facility=row)
        base = draw.rows["loans"][-1]["principal"]
    draw.add(
        "facilities",
        **row,
        limit=base + draw.amount(0, 6000) if draw.chance(0.95) else 0.5 * base,
        drawn=drawn,
        committed=draw.pick(*FLAGS),
        expiry=draw.pick(None, None, draw.day(1, 300), draw.day(1, 300), AS_OF, draw.day(-90, -1)),
        cross_default=draw.pick(*FLAGS, *OFTEN),
        cross_default_threshold=draw.pick(None, 0.0, draw.amount(100, 2000)),
        cancellable=draw.pick(*OFTEN),
    )


def add_invoice(draw: Draw, invoice_id: str) -> None:
    seller = draw.entity(outside=0.07)
    buyer = draw.entity(seller, outside=0.12)
    amount = draw.amount(500, 7000)
    issued = draw.day(-100, 0) if draw.chance(0.95) else draw.day(1, 10)
    confirmed = draw.pick(*FLAGS, *OFTEN)
    financed = draw.chance(0.45)
    settled = draw.pick(*["open"] * 7, "part", "part undated", "whole", "later")
    draw.add(
        "invoices",
        invoice_id=invoice_id,
        seller_id=seller,
        buyer_id=buyer,
        amount=amount,
        issue_date=issued,
        due_date=issued + timedelta(days=int(draw.rng.integers(20, 130))),
        settled_date=None
        if settled in ("open", "part undated")
        else AS_OF + timedelta(days=6 if settled == "later" else 0),
        settled_amount=draw.amount(100, int(amount) - 100) if settled.startswith("part") else None,
        disputed=draw.pick(*SELDOM) if draw.chance(0.5) else None,
        confirmed=confirmed,
        confirmed_date=draw.pick(None, issued, AS_OF, AS_OF + timedelta(days=2)) if confirmed else None,
        financed_by=draw.entity(seller, buyer, outside=0.15) if financed and len(draw.ids) > 2 else None,
        advance_rate=draw.pick(None, 0.6, 0.8, 0.9, 1.0) if financed else None,
        recourse=draw.pick(None, *FLAGS) if financed else None,
    )


def add_trade(draw: Draw) -> None:
    seller = draw.entity(outside=0.07)
    buyer = draw.entity(seller, outside=0.05)
    product = draw.maybe(0.3, "steel")
    for period in draw.pick(["2024-06"], ["2024-05"], ["2024"], ["2024-04", "2024-06"], ["2024-06", "2024-07"]):
        for _ in range(int(draw.pick(1, 1, 1, 2))):
            draw.add(
                "trade",
                seller_id=seller,
                buyer_id=buyer,
                amount=draw.amount(500, 3000) * (12 if period == "2024" else 1),
                period=period,
                product=product,
                terms_days=draw.pick(None, 0, 30, 60, 60, 90),
            )


def add_guarantee(draw: Draw, guarantee_id: str) -> None:
    loan = draw.pick(*draw.rows["loans"])
    debtor = loan["borrower_id"]
    guarantor = draw.entity(debtor)
    cover = draw.pick("loan", "loan", "creditor", "creditor", "all", "all", "wrong loan", "no loan")
    if cover in ("wrong loan", "no loan") and draw.chance(0.6):
        cover = "loan"
    loan_id = {"loan": loan["loan_id"], "wrong loan": "L00", "no loan": "nowhere"}.get(cover)
    kind = draw.pick(None, "general", "joint", "joint", "joint", "several", "several")
    draw.add(
        "guarantees",
        guarantee_id=guarantee_id,
        guarantor_id=guarantor,
        debtor_id=debtor,
        creditor_id=draw.pick(None, loan["lender_id"])
        if loan_id
        else draw.maybe(cover == "creditor", loan["lender_id"]),
        loan_id=loan_id,
        amount=draw.pick(None, draw.amount(300, 8000), draw.amount(300, 8000), draw.pick(0.0, 5000.0)),
        kind=kind,
        share=draw.pick(None, None, 0.4, 0.5) if kind == "several" else draw.maybe(0.1, 0.5),
        start=draw.pick(None, None, draw.day(-200, 0)) if draw.chance(0.95) else draw.day(1, 9),
        end=draw.pick(None, None, draw.day(1, 300), AS_OF) if draw.chance(0.95) else draw.day(-9, -1),
        claim_until=draw.pick(None, None, draw.day(0, 300)) if draw.chance(0.97) else draw.day(-9, -1),
        status=draw.pick(None, "active", "active", "active") if draw.chance(0.95) else "settled",
    )
    if kind == "several" and draw.chance(0.6):
        twin_row = dict(draw.rows["guarantees"][-1])
        twin_row |= {"guarantee_id": f"{guarantee_id}b", "guarantor_id": draw.entity(debtor)}
        draw.rows["guarantees"].append(twin_row)


def add_mutual_guarantees(draw: Draw) -> None:
    """Two or three entities that answer for each other in a circle."""
    circle = list(draw.ids[: int(draw.pick(2, 3))])
    for place, guarantor in enumerate(circle):
        debtor = circle[(place + 1) % len(circle)]
        draw.add(
            "guarantees",
            guarantee_id=f"H{place}",
            guarantor_id=guarantor,
            debtor_id=debtor,
            amount=draw.pick(None, draw.amount(500, 6000)),
            kind="joint",
        )


def add_partnership(draw: Draw) -> None:
    one = draw.entity()
    draw.add(
        "partnerships",
        from_id=one,
        to_id=draw.entity(one),
        kind=draw.pick("jv", "distributor", None),
        weight=draw.pick(None, 0.2, 0.5, 0.8),
        trust=draw.maybe(0.5, draw.share(0.2, 1.0)),
        start=draw.pick(None, None, draw.day(-100, 0)) if draw.chance(0.9) else draw.day(1, 9),
        end=draw.pick(None, None, draw.day(0, 100)) if draw.chance(0.9) else draw.day(-9, -1),
    )
    pairs = [(row["from_id"], row["to_id"]) for row in draw.rows["partnerships"]]
    if pairs.count(pairs[-1]) > 1:
        draw.rows["partnerships"].pop()  # which of two beliefs counts is nobody's question here


def add_project(draw: Draw) -> None:
    spv = draw.entity()
    next(row for row in draw.rows["entities"] if row["entity_id"] == spv)["kind"] = "project_spv"
    drawn = draw.amount(1000, 8000)
    draw.add(
        "projects",
        project_id="PJ",
        spv_id=spv,
        debt_committed=drawn + draw.amount(0, 6000),
        debt_drawn=draw.maybe(0.95, drawn),
        cfads=draw.pick(None, *(draw.amount(900, 1600, 10) for _ in range(5))),
        debt_service=draw.pick(None, 0.0, *(1000.0,) * 8),
        dscr_lockup=draw.pick(None, 0.0, 1.15, 1.15, 1.2),
        dscr_default=draw.pick(None, 0.0, 1.05, 1.05, 1.0),
        major_party_share=draw.pick(None, 0.0, 0.25, 0.25, 0.5),
    )
    lenders = {draw.entity(spv, outside=0.15) for _ in range(int(draw.pick(1, 1, 2)))}
    for lender in sorted(lenders):
        draw.add(
            "project_parties",
            project_id="PJ",
            entity_id=lender,
            role="lender",
            share=draw.pick(None, 0.4, 0.5, 0.5),
        )
    others = {draw.entity(spv, outside=0.1) for _ in range(int(draw.pick(0, 1, 2, 3)))}
    for other in sorted(others):
        role = draw.pick("contractor", "offtaker", "sponsor")
        draw.add("project_parties", project_id="PJ", entity_id=other, role=role, share=draw.share(0.05, 0.5))


def keep_table(draw: Draw) -> twin.Table:
    low, high = sorted([draw.share(0.05, 0.9), draw.share(0.05, 0.9)])
    part = draw.share(0.1, 0.9)
    tables: tuple[twin.Table, ...] = (
        [[0, 1]],
        [[0, 1], [0, 0]],
        [[0, 1], [0, part]],
        [[0, 1], [low, 1], [1, 0]],
        [[0, 1], [low, 1], [low, part], [1, 0]],
        [[0, 1], [low, part], [high + 0.05, part], [high + 0.05, 0]],
        [[0, 1], [1, 0]],
    )
    found: twin.Table = draw.pick(*tables)
    return found


def random_reactions(draw: Draw) -> twin.Row:
    """Draw what a reactions file says; now and then nothing at all."""
    if draw.chance(0.1):
        return {}
    step: twin.Table = [[0, 0], [0.1, 0], [0.1, 0.4], [1, 1]]
    curve: twin.Table = [[0, 0], [draw.share(0.1, 0.8), draw.share(0.3, 0.9)], [1, 1]]
    values = {
        "a": draw.pick(None, 0.5, 1.0, 2.0, 5.0),
        "phi": draw.pick(None, None, None, None, step, curve),
        "delta": draw.pick(None, 0.0, 0.3, 0.6, 0.9),
        "kappa": draw.pick(None, 0.0, 1.0, 2.0),
        "loss_given_default": draw.pick(None, 0.2, 0.45, 1.0),
        "general_delay_days": draw.pick(None, 0, 60, 180),
        "cfads_lost": draw.pick(None, 0.2, 0.5, 1.0),
        "materiality": draw.pick(None, None, None, 0.0, 0.1),
    }
    keys = ("financier", "supplier", "project", "bank", "platform", "company")
    keep = {key: keep_table(draw) for key in keys if draw.chance(0.4)}
    keep_by = {i: keep_table(draw) for i in (*draw.ids, *OUTSIDE) if draw.chance(0.2)}
    reactions = {name: value for name, value in values.items() if value is not None}
    return reactions | ({"keep": keep} if keep else {}) | ({"keep_by": keep_by} if keep_by else {})
