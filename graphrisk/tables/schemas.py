"""The tables that graphrisk reads: each column's type, unit, meaning, key and reference, in one place.

The checks, the table reference in the docs and ``graphrisk tables`` come from here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Type = Literal["text", "code", "flag", "integer", "number", "share", "money", "rate", "multiple", "date", "month"]

#: Rates and multiples are integers in parts per 10^9: 18 % a year is 180,000,000.
RATE_UNIT = 1_000_000_000

#: The pandas dtype that a column of each type has.
DTYPES: dict[Type, str] = {
    "text": "str",
    "code": "str",
    "flag": "boolean",
    "integer": "Int64",
    "number": "Float64",
    "share": "Float64",
    "money": "Int64",
    "rate": "Int64",
    "multiple": "Int64",
    "date": "datetime64[s]",
    "month": "str",
}

#: What each type's values are counted in.
UNITS: dict[Type, str] = {
    "text": "",
    "code": "",
    "flag": "true or false",
    "integer": "count",
    "number": "number",
    "share": "share, 0 to 1",
    "money": "currency",
    "rate": "share a year",
    "multiple": "multiple",
    "date": "date",
    "month": "YYYY-MM or YYYY",
}

#: Where a row came from; the last two columns of every frame.
SOURCE_COLUMNS = ("source_file", "source_line")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Its name in files, frames, Cypher and JSON.
    type : str
        One of the keys of `DTYPES`.
    meaning : str
        What it says, in one line.
    unit : str
        What its values are counted in, where it differs from the unit of its type.
    required : bool
        Whether a row without it is set aside.
    codes : tuple of str
        The values that a ``code`` may have.
    refers : str
        The table whose key it holds, such as ``entities``; empty if none.
    negative : bool
        Whether an amount may be below zero.
    """

    name: str
    type: Type
    meaning: str
    unit: str = ""
    required: bool = False
    codes: tuple[str, ...] = ()
    refers: str = ""
    negative: bool = False

    @property
    def counted_in(self) -> str:
        """The unit of its values."""
        return self.unit or UNITS[self.type]


@dataclass(frozen=True, slots=True)
class Schema:
    """One table.

    Attributes
    ----------
    name : str
        Its name, which is the file's name without ending.
    meaning : str
        What a row is.
    columns : tuple of Column
        In the order of the docs.
    key : tuple of str
        Columns that together name a row; empty where rows may repeat.
    currency : str
        Whose minor unit its money columns have: ``column`` (its own ``currency``), ``loan`` (that of the loan it
        refers to) or ``book`` (that of the whole book).
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    currency: str = "book"

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its columns."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that every row must fill."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def money(self) -> tuple[str, ...]:
        """Names of its money columns."""
        return tuple(column.name for column in self.columns if column.type == "money")

    def frame(self, rows: Sequence[Mapping[str, object]] = ()) -> pd.DataFrame:
        """Return a frame with all columns of the table, in their dtypes.

        Parameters
        ----------
        rows : sequence of mapping
            Values as they are stored: money in minor units, rates in parts per 10^9, dates as ISO text or dates.
            Columns left out are null; ``source_file`` and ``source_line`` default to blank and the row's number.

        Returns
        -------
        DataFrame

        Examples
        --------
        >>> SCHEMAS["payments"].frame([{"loan_id": "L1", "paid_date": "2024-06-01", "amount": 1050}]).amount.sum()
        np.int64(1050)
        """
        unknown = {name for row in rows for name in row} - set(self.names) - set(SOURCE_COLUMNS)
        if unknown:
            raise KeyError(f"{self.name} has no column {sorted(unknown)}")
        columns = {
            column.name: pd.Series([row.get(column.name) for row in rows], dtype=DTYPES[column.type])
            for column in self.columns
        }
        columns["source_file"] = pd.Series([row.get("source_file", "") for row in rows], dtype="str")
        columns["source_line"] = pd.Series(
            [row.get("source_line", number) for number, row in enumerate(rows, 2)], dtype="int64"
        )
        return pd.DataFrame(columns)


def _column(
    spec: str,
    type_: Type,
    meaning: str,
    *,
    codes: str = "",
    refers: str = "",
    unit: str = "",
    negative: bool = False,
) -> Column:
    return Column(
        name=spec.rstrip("*"),
        type=type_,
        meaning=meaning,
        unit=unit,
        required=spec.endswith("*"),
        codes=tuple(codes.split()),
        refers=refers,
        negative=negative,
    )


_C = _column

ENTITY_KINDS = "person sole_trader company project_spv bank platform insurer guarantor_co public"
ROLES = ("borrower", "partner", "financier", "guarantor", "supplier", "buyer", "insurer", "project")
FIVE_CLASSES = ("normal", "special_mention", "substandard", "doubtful", "loss")
BUCKETS = ("M0", "M1", "M2", "M3", "M4", "M5", "M6", "M7")
METHODS = ("level_payment", "level_principal", "interest_first", "bullet", "flat", "daily")

_SCHEMAS = (
    Schema(
        "entities",
        "Anything with an id: a person, a firm, a bank, a platform, a project company.",
        (
            _C("entity_id*", "text", "Its id, as the contracts name it"),
            _C("name", "text", "Its name"),
            _C("kind*", "code", "What it is", codes=ENTITY_KINDS),
            _C("roles", "text", "Roles beside those that its contracts give it, joined by |"),
            _C("group_id", "text", "The group of related entities that it belongs to"),
            _C("reg_no", "text", "Registration number, such as the unified social credit code"),
            _C("lei", "text", "Legal entity identifier (ISO 17442)"),
            _C("country", "text", "Country (ISO 3166)"),
            _C("region", "text", "Region"),
            _C("sector", "text", "Sector"),
            _C("size", "text", "Size class"),
            _C("status", "text", "Status in its register"),
            _C("founded", "date", "Date of foundation"),
            _C("as_of", "date", "Date that the figures of this row hold for"),
            _C("equity", "money", "What absorbs its losses", negative=True),
            _C("cash", "money", "Cash at hand; blank is unknown, not zero", negative=True),
            _C("monthly_inflow", "money", "Income a month from outside the tables", negative=True),
            _C("monthly_outflow", "money", "Spending a month outside the tables", negative=True),
            _C("revenue", "money", "Revenue a year"),
            _C("net_capital", "money", "Net capital that exposure limits are measured by", negative=True),
            _C("score", "number", "Credit score"),
            _C("pd", "share", "Probability of default within a year"),
            _C("rating", "text", "Rating"),
            _C("loss_given_default", "share", "Share of its debt that is lost when it defaults"),
        ),
        key=("entity_id",),
    ),
    Schema(
        "loans",
        "One drawdown: who borrowed what from whom, on which terms.",
        (
            _C("loan_id*", "text", "Its id"),
            _C("borrower_id*", "text", "Who owes", refers="entities"),
            _C("lender_id*", "text", "Who is owed", refers="entities"),
            _C("principal*", "money", "Amount paid out"),
            _C("outstanding", "money", "Principal not yet repaid at the date of the data"),
            _C("currency", "code", "Currency (ISO 4217); blank: the book's"),
            _C("annual_rate", "rate", "Contract rate"),
            _C("rate_type", "code", "Whether the rate moves", codes="fixed floating"),
            _C("start_date*", "date", "Day of payout"),
            _C("maturity_date", "date", "Day of the last instalment"),
            _C("term", "integer", "Length of the loan", unit="term_unit, blank: months"),
            _C("term_unit", "code", "What `term` counts", codes="day month year"),
            _C("method", "code", "How it is repaid", codes=" ".join(METHODS)),
            _C("pay_day", "integer", "Day of the month on which instalments fall due", unit="1 to 31"),
            _C("day_count", "code", "Day count", codes="ACT/360 ACT/365 ACT/ACT 30/360"),
            _C("grace_days", "integer", "Days of grace; blank: the convention", unit="days"),
            _C(
                "penalty_multiplier",
                "multiple",
                "1 to 3 a multiple of the rate, below 1 the penalty rate itself, above 3 percent a year",
            ),
            _C("penalty_base", "code", "What bears penalty", codes="overdue_principal overdue_total outstanding"),
            _C(
                "allocation_order",
                "text",
                "Order in which a payment meets what is due, such as penalty>interest>principal, or pro_rata",
            ),
            _C("facility_id", "text", "Facility that it was drawn under", refers="facilities"),
            _C("project_id", "text", "Project that it funds", refers="projects"),
            _C("product", "text", "Product"),
            _C("purpose", "text", "Purpose"),
            _C("secured", "flag", "Whether collateral backs it"),
            _C("collateral_value", "money", "Value of the collateral"),
            _C("five_class", "code", "Class given in the data", codes=" ".join(FIVE_CLASSES)),
            _C("stage", "integer", "IFRS 9 stage given in the data", unit="1 to 3"),
            _C("status", "code", "State of the loan", codes="active settled written_off sold"),
            _C("restructured_from", "text", "Loan that it replaces", refers="loans"),
            _C("accelerated_on", "date", "Day on which all of it was called due"),
            _C("written_off", "money", "Amount written off"),
            _C("write_off_date", "date", "Day of the write-off"),
            _C("allowance", "money", "Loss allowance held for it"),
            _C("suspended_interest", "money", "Interest not taken to income"),
        ),
        key=("loan_id",),
        currency="column",
    ),
    Schema(
        "loan_shares",
        "Who lent which share of a co-lent loan; what is missing to 1 is the lender's.",
        (
            _C("loan_id*", "text", "The loan", refers="loans"),
            _C("lender_id*", "text", "Who lent the share", refers="entities"),
            _C("share*", "share", "Share of every amount of the loan"),
        ),
        key=("loan_id", "lender_id"),
    ),
    Schema(
        "co_borrowers",
        "Who owes a loan beside its borrower.",
        (
            _C("loan_id*", "text", "The loan", refers="loans"),
            _C("entity_id*", "text", "Who owes it too", refers="entities"),
            _C("liability", "code", "How far", codes="joint several"),
            _C("share", "share", "Share owed where liability is several"),
        ),
        key=("loan_id", "entity_id"),
    ),
    Schema(
        "schedule",
        "One instalment of a loan.",
        (
            _C("loan_id*", "text", "The loan", refers="loans"),
            _C("no*", "integer", "Its number in the schedule"),
            _C("due_date*", "date", "Day on which it falls due"),
            _C("principal_due*", "money", "Principal that falls due"),
            _C("interest_due*", "money", "Interest that falls due"),
            _C("fee_due", "money", "Fee that falls due"),
            _C("version", "code", "Which plan it belongs to; blank: original", codes="original revised"),
            _C("valid_from", "date", "Day from which that plan holds; blank: from the start"),
        ),
        key=("loan_id", "no", "version", "valid_from"),
        currency="loan",
    ),
    Schema(
        "payments",
        "One receipt on a loan. A header without rows says that nothing was paid.",
        (
            _C("payment_id", "text", "Its id, unique within the loan"),
            _C("loan_id*", "text", "The loan", refers="loans"),
            _C("paid_date*", "date", "Day on which it was received"),
            _C("amount*", "money", "Amount received; a negative one undoes an equal payment", negative=True),
            _C("principal", "money", "Part that met principal", negative=True),
            _C("interest", "money", "Part that met interest", negative=True),
            _C("penalty", "money", "Part that met penalty", negative=True),
            _C("fee", "money", "Part that met fees", negative=True),
            _C("kind", "code", "What it is; blank: pay", codes="pay prepay reversal waiver recovery guarantor insurer"),
            _C("payer_id", "text", "Who paid, if not the borrower", refers="entities"),
            _C("reverses", "text", "The payment_id that a reversal undoes"),
        ),
        currency="loan",
    ),
    Schema(
        "snapshots",
        "State of a loan at a date, where there is no schedule or beside one.",
        (
            _C("loan_id*", "text", "The loan", refers="loans"),
            _C("as_of*", "date", "Date of the state"),
            _C("outstanding*", "money", "Principal not yet repaid"),
            _C("overdue_principal", "money", "Principal past due"),
            _C("overdue_interest", "money", "Interest past due"),
            _C("days_past_due", "integer", "Days past due", unit="days"),
            _C("bucket", "code", "Bucket of days past due", codes=" ".join(BUCKETS)),
            _C("five_class", "code", "Class", codes=" ".join(FIVE_CLASSES)),
        ),
        key=("loan_id", "as_of"),
        currency="loan",
    ),
    Schema(
        "rates",
        "A loan's contract rate from a day on.",
        (
            _C("loan_id*", "text", "The loan", refers="loans"),
            _C("from*", "date", "First day of the rate"),
            _C("annual_rate*", "rate", "Contract rate"),
        ),
        key=("loan_id", "from"),
    ),
    Schema(
        "facilities",
        "A limit that a provider grants to a borrower.",
        (
            _C("facility_id*", "text", "Its id"),
            _C("borrower_id*", "text", "Who may draw", refers="entities"),
            _C("provider_id*", "text", "Who grants it", refers="entities"),
            _C("limit*", "money", "Limit"),
            _C("drawn", "money", "Amount drawn; blank: outstanding of its loans"),
            _C("committed", "flag", "Whether the provider must lend"),
            _C("expiry", "date", "Last day"),
            _C("currency", "code", "Currency (ISO 4217); blank: the book's"),
            _C("rate", "rate", "Rate of a drawing"),
            _C("cross_default", "flag", "Whether arrears elsewhere stop it"),
            _C("cross_default_threshold", "money", "Arrears elsewhere above which they stop it; blank: 0"),
            _C("cancellable", "flag", "Whether the provider may cut it at will; blank: yes"),
        ),
        key=("facility_id",),
        currency="column",
    ),
    Schema(
        "trade",
        "What a supplier sold to a buyer in a period.",
        (
            _C("seller_id*", "text", "Who sells", refers="entities"),
            _C("buyer_id*", "text", "Who buys", refers="entities"),
            _C("amount*", "money", "Sales of the period"),
            _C("period*", "month", "The month or year"),
            _C("currency", "code", "Currency (ISO 4217); blank: the book's"),
            _C("product", "text", "Product"),
            _C("terms_days", "integer", "Days that the buyer has to pay", unit="days"),
            _C("share_of_buyer_input", "share", "Share of the buyer's inputs"),
            _C("substitutable", "share", "How far another seller can replace it"),
            _C("critical", "flag", "Whether the buyer stops without it"),
        ),
        currency="column",
    ),
    Schema(
        "invoices",
        "One invoice: the buyer owes the seller.",
        (
            _C("invoice_id*", "text", "Its id"),
            _C("seller_id*", "text", "Who is owed", refers="entities"),
            _C("buyer_id*", "text", "Who owes", refers="entities"),
            _C("amount*", "money", "Amount"),
            _C("issue_date*", "date", "Day of issue"),
            _C("due_date*", "date", "Day on which it falls due"),
            _C("settled_date", "date", "Day of settlement"),
            _C("settled_amount", "money", "Amount settled; blank with a date: all of it"),
            _C("disputed", "flag", "Whether the buyer disputes it"),
            _C("confirmed", "flag", "Whether the buyer confirmed that it will pay"),
            _C("confirmed_date", "date", "Day of the confirmation; blank: from the issue on"),
            _C("financed_by", "text", "Who advanced money on it", refers="entities"),
            _C("advance_rate", "share", "Share of it that was advanced"),
            _C("recourse", "flag", "Whether the seller must pay the advance back; blank: if not confirmed"),
            _C("currency", "code", "Currency (ISO 4217); blank: the book's"),
        ),
        key=("invoice_id",),
        currency="column",
    ),
    Schema(
        "guarantees",
        "A guarantor answers for a debtor's debt.",
        (
            _C("guarantee_id*", "text", "Its id; calls go in the order of ids"),
            _C("guarantor_id*", "text", "Who answers", refers="entities"),
            _C("debtor_id*", "text", "For whom", refers="entities"),
            _C("creditor_id", "text", "To whom; blank: all creditors", refers="entities"),
            _C("loan_id", "text", "For which loan; blank: all debt to the creditor", refers="loans"),
            _C("amount", "money", "Most that is paid; blank: no cap"),
            _C("kind", "code", "How it is called; blank: general", codes="general joint several"),
            _C("share", "share", "Share answered for where the kind is several"),
            _C("start", "date", "First day"),
            _C("end", "date", "Last day"),
            _C("claim_until", "date", "Last day of a claim"),
            _C("status", "code", "State; blank: active", codes="active settled written_off sold"),
        ),
        key=("guarantee_id",),
    ),
    Schema(
        "collateral",
        "What secures a loan.",
        (
            _C("collateral_id*", "text", "Its id"),
            _C("owner_id*", "text", "Whose it is", refers="entities"),
            _C("loan_id*", "text", "The loan", refers="loans"),
            _C("value*", "money", "Value"),
            _C("kind", "text", "What it is"),
            _C("haircut", "share", "Share of the value not counted; blank: 0"),
            _C("valued_on", "date", "Day of the valuation"),
        ),
        key=("collateral_id", "loan_id"),
        currency="loan",
    ),
    Schema(
        "insurance",
        "A policy that pays when a debtor does not.",
        (
            _C("policy_id*", "text", "Its id"),
            _C("insurer_id*", "text", "Who pays", refers="entities"),
            _C("insured_id*", "text", "Who is paid", refers="entities"),
            _C("debtor_id", "text", "Whose failure is insured; blank: any", refers="entities"),
            _C("loan_id", "text", "Loan that is insured; blank: any", refers="loans"),
            _C("limit*", "money", "Most that is paid for one debtor"),
            _C("aggregate", "money", "Most that is paid in all"),
            _C("cover*", "share", "Share of the loss that is paid"),
            _C("deductible", "money", "Loss that the insured bears first"),
            _C("deductible_kind", "code", "Whether for each loss or in all", codes="each aggregate"),
            _C("waiting_days", "integer", "Days from the default to the payment", unit="days"),
            _C("start*", "date", "First day"),
            _C("end*", "date", "Last day"),
            _C("max_extension_days", "integer", "Longest extension that keeps the cover", unit="days"),
            _C("exclusions", "text", "What is not covered"),
        ),
        key=("policy_id", "debtor_id", "loan_id"),
    ),
    Schema(
        "ownership",
        "Who owns a share of whom.",
        (
            _C("owner_id*", "text", "Who owns", refers="entities"),
            _C("owned_id*", "text", "Who is owned", refers="entities"),
            _C("share_min", "share", "Least share"),
            _C("share_max", "share", "Greatest share"),
            _C("control", "flag", "Whether the owner decides"),
            _C("start", "date", "First day"),
            _C("end", "date", "Last day"),
        ),
        key=("owner_id", "owned_id", "start"),
    ),
    Schema(
        "partnerships",
        "Two entities that work together without owing each other.",
        (
            _C("from_id*", "text", "One of them", refers="entities"),
            _C("to_id*", "text", "The other", refers="entities"),
            _C(
                "kind",
                "code",
                "What joins them",
                codes="jv contractor offtaker distributor franchise co_lender sponsor",
            ),
            _C("weight", "share", "How much of one's distress reflects on the other"),
            _C("trust", "share", "Belief of from_id that to_id meets its next obligation"),
            _C("start", "date", "First day"),
            _C("end", "date", "Last day"),
        ),
    ),
    Schema(
        "projects",
        "A project and its debt.",
        (
            _C("project_id*", "text", "Its id"),
            _C("spv_id*", "text", "Its company", refers="entities"),
            _C("cost", "money", "Cost"),
            _C("debt_committed", "money", "Debt that lenders promised"),
            _C("debt_drawn", "money", "Debt drawn"),
            _C("cfads", "money", "Cash flow available for debt service", negative=True),
            _C("debt_service", "money", "Interest and principal of the same period"),
            _C("dscr_lockup", "number", "DSCR below which nothing is distributed"),
            _C("dscr_default", "number", "DSCR below which draws stop"),
            _C("major_party_share", "share", "Share of a party whose failure stops draws"),
            _C("stage", "text", "Stage, such as construction"),
        ),
        key=("project_id",),
    ),
    Schema(
        "project_cashflows",
        "Planned cash flow of a project at a date.",
        (
            _C("project_id*", "text", "The project", refers="projects"),
            _C("date*", "date", "Date"),
            _C("cfads*", "money", "Cash flow available for debt service", negative=True),
            _C("debt_service*", "money", "Interest and principal"),
        ),
        key=("project_id", "date"),
    ),
    Schema(
        "project_parties",
        "Who takes part in a project, and how much.",
        (
            _C("project_id*", "text", "The project", refers="projects"),
            _C("entity_id*", "text", "Who", refers="entities"),
            _C("role*", "text", "As what: lender, sponsor, contractor, offtaker, supplier, operator, insurer"),
            _C("share", "share", "Share of the role"),
        ),
        key=("project_id", "entity_id", "role"),
    ),
    Schema(
        "covenants",
        "A promise that a figure stays on one side of a level.",
        (
            _C("covenant_id*", "text", "Its id"),
            _C("subject_id*", "text", "Whose figure"),
            _C("metric*", "text", "The figure, such as dscr"),
            _C("op*", "code", "How it is compared", codes="< <= > >= ="),
            _C("level*", "number", "The level"),
            _C("test_dates", "text", "Days on which it is tested"),
            _C("action", "code", "What a breach does", codes="lockup drawstop default"),
        ),
        key=("covenant_id",),
    ),
    Schema(
        "events",
        "Something that happened to an entity.",
        (
            _C("entity_id*", "text", "To whom", refers="entities"),
            _C("date*", "date", "When"),
            _C("kind*", "code", "What", codes="lawsuit limit_cut rating default news dispute"),
            _C("amount", "money", "Amount", negative=True),
            _C("note", "text", "Note"),
        ),
    ),
    Schema(
        "fx",
        "Price of one unit of a currency in another.",
        (
            _C("date*", "date", "Date"),
            _C("currency*", "code", "The currency that is priced (ISO 4217)"),
            _C("base*", "code", "The currency that it is priced in (ISO 4217)"),
            _C("rate*", "multiple", "Units of base for one unit of currency", unit="base for one unit"),
        ),
        key=("date", "currency", "base"),
    ),
    Schema(
        "labels",
        "Whether an entity or loan went bad, for a score to learn from.",
        (
            _C("entity_id", "text", "The entity", refers="entities"),
            _C("loan_id", "text", "The loan", refers="loans"),
            _C("observed*", "date", "Date of observation"),
            _C("bad*", "flag", "Whether it went bad"),
        ),
    ),
)

#: Every table by name, in the order of the docs.
SCHEMAS: dict[str, Schema] = {schema.name: schema for schema in _SCHEMAS}
