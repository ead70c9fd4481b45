"""What a question answers: frozen rows and sums, with all that made them.

The columns of `RESULTS` are the whole contract between those who compute and those who show.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import pandas as pd

from graphrisk.tables.book import Tables

ResultType = Literal[
    "text", "name", "code", "list", "codes", "integer", "number", "ratio", "money", "minor", "date", "flag"
]

#: Version of the JSON document; a key is added without a new one, never renamed.
SCHEMA_VERSION = 1


def package_version() -> str:
    """Return the version of graphrisk that runs."""
    try:
        return version("graphrisk")
    except PackageNotFoundError:  # run from a folder, not installed
        return "unknown"


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """One column of a result.

    Attributes
    ----------
    name : str
        Its key in JSON and CSV.
    type : str
        ``text`` and ``name`` (of an entity: masked for persons), ``code`` (translated in the table view), ``list``
        (of ids) and ``codes`` (of codes), ``integer``, ``number`` (float), ``ratio`` (float, shown as a percentage),
        ``money`` (float, currency units),
        ``minor`` (integer, minor units of the row's ``currency``, else of the result's), ``date``, ``flag``.
    entity : bool
        Whether it holds an entity's id.
    """

    name: str
    type: ResultType
    entity: bool = False


def _columns(spec: str) -> tuple[ResultColumn, ...]:
    columns = []
    for item in spec.split():
        name, _, type_ = item.partition(":")
        kind: ResultType = type_.rstrip("@") or "minor"  # type: ignore[assignment]
        columns.append(ResultColumn(name, kind, type_.endswith("@")))
    return tuple(columns)


_AMOUNTS = (
    "principal: outstanding_principal: overdue_principal: overdue_interest: overdue_total: penalty: unallocated: "
    "days_past_due:integer"
)

#: The columns of each command's rows, in order (API: add, never rename). Key columns of ``--by`` come before.
RESULTS: dict[str, tuple[ResultColumn, ...]] = {
    "check": _columns(
        "severity:code table:text file:text line:integer column:text value:text finding:code repair:text detail:text"
    ),
    "overdue": _columns(
        "loan_id:text borrower_id:text@ lender_id:text@ currency:text " + _AMOUNTS + " bucket:code five_class:code "
        "overdue_since:date"
    ),
    "overdue_by": _columns("loans:integer loans_overdue:integer " + _AMOUNTS),
    "overdue_explain": _columns(
        "record:code loan_id:text no:integer due_date:date principal_due: interest_due: principal_paid: "
        "interest_paid: principal_overdue: interest_overdue: penalty: days_past_due:integer payment_id:text "
        "paid_date:date amount: penalty_paid: unallocated:"
    ),
    "npl": _columns(
        "outstanding_principal: npl_balance: npl_ratio:ratio par30_ratio:ratio par90_ratio:ratio overdue_total: "
        "penalty_total:"
    ),
    "spread": _columns(
        "entity_id:text@ name:name roles:codes distance:integer first_round:integer cash_shortfall:money "
        "credit_loss:money trust_loss:money financing_loss:money absorbed:money passed_on:money gap:money "
        "defaulted:flag"
    ),
    "spread_periods": _columns(
        "period:integer entity_id:text@ name:name roles:codes distance:integer first_round:integer "
        "cash_shortfall:money credit_loss:money trust_loss:money financing_loss:money absorbed:money passed_on:money "
        "gap:money defaulted:flag extra_cost:money"
    ),
    "spread_explain": _columns(
        "record:code adds_to:code counterparty_id:text@ name:name kind:code contract_id:text date:date round:integer "
        "before:money after:money amount:money ratio_before:ratio ratio_after:ratio clause:code"
    ),
    "guarantees": _columns(
        "guarantee_id:text guarantor_id:text@ guarantor_name:name debtor_id:text@ debtor_name:name creditor_ids:list "
        "loan_id:text kind:code share:ratio cap:money amount:money outstanding:money due:money overdue_total:money "
        "days_past_due:integer call_now:money call_most:money end:date wrong_way:flag path:list channels:codes "
        "dependence:ratio side:code"
    ),
    "guarantees_patterns": _columns(
        "pattern:code pattern_id:text size:integer guarantees:integer amount:money largest:money outstanding:money "
        "overdue_total:money main_id:text@ main_name:name members:list steps:integer ring:list part_of:text "
        "channels:codes dependence:ratio guarantee_ids:list"
    ),
    "guarantees_call": _columns(
        "order:integer round:integer guarantee_id:text guarantor_id:text@ guarantor_name:name debtor_id:text@ "
        "debtor_name:name creditor_ids:list kind:code status:code share:ratio unpaid:money wanted:money cap:money "
        "surplus:money paid:money paid_before:money unmet:money recourse:money behind:list pays_from:date"
    ),
    "exposure": _columns(
        "creditor_id:text@ obligor_id:text@ channel:code kind:code amount:money currency:text share_of_creditor:ratio "
        "contract_id:text until:date overdue:money share:ratio creditor_name:name obligor_name:name"
    ),
    "exposure_group": _columns(
        "creditor_id:text@ group_id:text amount:money currency:text share_of_creditor:ratio share_of_net_capital:ratio "
        "claims:money guaranteed:money undrawn:money contingent:money supply:money funding:money overdue:money "
        "obligors:integer creditor_name:name"
    ),
    "exposure_trust": _columns(
        "creditor_id:text@ obligor_id:text@ source:code prior:ratio trust:ratio low:ratio high:ratio trials:integer "
        "good:number bad:number newest:date relation:money currency:text creditor_name:name obligor_name:name"
    ),
    "trace": _columns("rank:integer path:list channels:codes amount:money share:ratio cumulative_share:ratio"),
    "trace_to": _columns(
        "rank:integer entity_id:text@ name:name distance:integer obligation:money per_unit:ratio first_order:money "
        "exact:money"
    ),
    "generate": _columns("table:text rows:integer bytes:integer"),
    "tables": _columns("table:text column:text type:code unit:text required:flag key:flag refers:text meaning:text"),
    "settings": _columns("name:text value:text source:text"),
}

#: Key columns of ``--by``.
KEYS: dict[str, ResultColumn] = {
    column.name: column
    for column in _columns(
        "borrower_id:text@ lender_id:text@ group_id:text project_id:text guarantor_id:text@ product:text region:text "
        "bucket:code five_class:code origination_month:text"
    )
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that the language files hold, and what it names.

    Attributes
    ----------
    code : str
        Key in the section ``sentences`` of the language files.
    fields : mapping
        Values: text as it is, int, float or Decimal for money in currency units (the view groups and rounds),
        another sentence, a tuple for a list of any of these. Names and ids stand alone, so that they can be masked.
    """

    code: str
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one question.

    Attributes
    ----------
    command : str
        The question, such as ``spread``.
    columns : tuple of ResultColumn
        The columns of ``rows``.
    rows : DataFrame
        One row an answer, already sorted.
    summary : mapping
        Sums and figures: Decimal and float in currency units, int, str, None, nested mappings and lists of them.
    as_of : date or None
        The date that the figures hold for.
    currency : str
        Reporting currency (ISO 4217); blank if nothing is money.
    parameters : mapping
        What was asked, by flag name.
    conventions : mapping
        Convention by name; empty where none played a part.
    tables : Tables or None
        The book asked; the view takes source, row counts, findings and fingerprint from it.
    headline : tuple of Sentence
        What a reader should know first, one sentence each.
    notes : tuple of Sentence
        What was assumed, printed under the rows.
    detail : mapping
        More than the rows, under keys of its own in JSON.
    """

    command: str
    columns: tuple[ResultColumn, ...]
    rows: pd.DataFrame
    summary: Mapping[str, object] = field(default_factory=dict)
    as_of: date | None = None
    currency: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    conventions: Mapping[str, str] = field(default_factory=dict)
    tables: Tables | None = None
    headline: tuple[Sentence, ...] = ()
    notes: tuple[Sentence, ...] = ()
    detail: Mapping[str, object] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the rows."""
        return self.rows.copy()
