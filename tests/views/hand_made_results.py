"""Results made by hand, with a person, a phone, a formula and an escape in them."""

from datetime import date
from decimal import Decimal

import pandas as pd

from graphrisk.results import RESULTS, Result, ResultColumn, Sentence
from graphrisk.tables.book import Finding, Tables, Tally
from graphrisk.tables.schemas import SCHEMAS

CARD = "110101199003071234"
OLD_CARD = "110101900307123"
PHONE = "13800138000"
PERSON = "张小三"
KEY = b"a key for tests"


def book() -> Tables:
    entities = SCHEMAS["entities"].frame(
        [
            {"entity_id": "A", "name": "安平贸易", "kind": "sole_trader"},
            {"entity_id": "F1", "name": "First Bank", "kind": "bank"},
            {"entity_id": CARD, "name": PERSON, "kind": "person"},
            {"entity_id": PHONE, "name": "李四", "kind": "person"},
        ]
    )
    return Tables(
        frames={"entities": entities},
        findings=(
            Finding("error", "made_up", table="loans", file="loans.csv", line=3, column="loan_id", value=CARD),
            Finding("note", "made_up", file="readme.csv", fields={"names": ("x", "y")}),
        ),
        tallies={
            "entities": Tally(4, 4, 0, {("cash", "CNY"): 10_000}, {("cash", "CNY"): 10_000}),
            "loans": Tally(
                1204,
                1203,
                1,
                {("principal", "CNY"): 120_400_000, ("principal", "JPY"): 7},
                {("principal", "CNY"): 120_300_000, ("principal", "JPY"): 7},
                {("principal", "CNY"): 100_000},
            ),
        },
        source="tables",
        fingerprint="0123456789abcdef" * 4,
        mask_key=KEY,
    )


def spread_result() -> Result:
    """The four rows of a spread, the second and third of persons, who tie."""
    rows = [
        (
            "A",
            "安平贸易",
            ("borrower", "partner"),
            0,
            0,
            0.0,
            0.0,
            425000.0,
            557600.0,
            517600.0,
            40000.0,
            92600.0,
            True,
        ),
        (CARD, PERSON, ("guarantor",), 1, 1, 52000.0, 0.0, 0.0, 0.0, 52000.0, 0.0, 0.0, False),
        (PHONE, "李四", ("guarantor",), 1, 1, 52000.0, 0.0, 0.0, 0.0, 52000.0, 0.0, 0.0, False),
        ("F1", None, ("financier",), None, None, 0.0, 135000.123456789, -1e-12, 0.0, 0.0, 0.0, 0.0, False),
    ]
    frame = pd.DataFrame(rows, columns=[column.name for column in RESULTS["spread"]])
    frame = frame.astype({"distance": "Int64", "first_round": "Int64"})
    named = {"entity": Sentence("entity_named", {"name": PERSON, "id": CARD})}
    return Result(
        command="spread",
        columns=RESULTS["spread"],
        rows=frame,
        summary={"overdue_total": 52000.0, "amplification": 1.7692307692, "rounds": 2, "worst": CARD, "none": None},
        as_of=date(2024, 6, 30),
        currency="CNY",
        parameters={"entity_id": CARD, "overdue": None, "horizon_days": 30},
        conventions={"grace_days": "0", "roll": "unmoved"},
        tables=book(),
        headline=(Sentence("bearer", {**named, "share": 0.85}),),
        notes=(Sentence("reactions_of_strangers", {"reactions": "mine.toml", "ids": (PHONE, "Z")}),),
        detail={"lines": [{"giver": CARD, "amount": 1e16, "kept": 0.0}]},
    )


def overdue_result(rows: int = 3, *, currencies: tuple[str, ...] = ("CNY",)) -> Result:
    """Loans with amounts in minor units, one without a penalty, and names that would be formulas."""
    frame = pd.DataFrame(
        {
            "loan_id": [f"L{number:03}" for number in range(rows)],
            "borrower_id": (["A", "=cmd|' /C calc'!A0", "-5"] * rows)[:rows],
            "lender_id": ["F1"] * rows,
            "currency": (list(currencies) * rows)[:rows],
            **{
                name: pd.array([1_234_567_89 + number for number in range(rows)], dtype="Int64")
                for name in ("principal", "outstanding_principal", "overdue_principal", "overdue_interest")
            },
            "overdue_total": pd.array([5_200_005] * rows, dtype="Int64"),
            "penalty": pd.array([None] + [0] * (rows - 1), dtype="Int64"),
            "unallocated": pd.array([0] * rows, dtype="Int64"),
            "days_past_due": pd.array([1035] * rows, dtype="Int64"),
            "bucket": ["M2"] * rows,
            "five_class": ["special_mention"] * rows,
            "overdue_since": pd.to_datetime(["2024-05-26"] * rows).astype("datetime64[s]"),
        }
    )
    return Result(
        command="overdue",
        columns=RESULTS["overdue"],
        rows=frame,
        summary={"overdue_total": Decimal("156000.15"), "loans": rows},
        as_of=date(2024, 6, 30),
        currency="CNY",
        tables=book(),
    )


def free_text_result(text: str) -> Result:
    """One row with one text."""
    return Result("tables", (ResultColumn("meaning", "text"),), pd.DataFrame({"meaning": [text]}))
