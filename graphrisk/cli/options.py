"""The flags that many commands share, each declared once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from graphrisk.cli.completion import entity_ids


class Format(StrEnum):
    """How a result is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MD = "md"
    XLSX = "xlsx"


class Language(StrEnum):
    """Language of labels and messages."""

    EN = "en"
    ZH = "zh"


class Unit(StrEnum):
    """What amounts of the table view are counted in."""

    ONE = "元"
    TEN_THOUSAND = "万元"
    HUNDRED_MILLION = "亿元"


class Extreme(StrEnum):
    """Which fixed point of the spread model is meant."""

    GREATEST = "greatest"
    LEAST = "least"


class Channel(StrEnum):
    """The way a loss spreads."""

    DEFAULT = "default"
    GUARANTEE = "guarantee"
    SUPPLY = "supply"
    FUNDING = "funding"
    TRUST = "trust"


class TrustFrom(StrEnum):
    """What trust is taken from."""

    PRIOR = "prior"
    HISTORY = "history"


_QUESTION = "Question"
_DATA = "Data"
_OUTPUT = "Output"

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        "-d",
        metavar="FOLDER",
        help="Folder of tables; left out: GRAPHRISK_DATA, else the bundled sample.",
        rich_help_panel=_DATA,
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Exit with code 3 if a row was set aside, or graphrisk check finds an error.",
        rich_help_panel=_DATA,
    ),
]
AssumeUnpaid = Annotated[
    bool,
    typer.Option(
        "--assume-unpaid",
        help="Where no table of payments exists, take all that fell due for unpaid.",
        rich_help_panel=_DATA,
    ),
]

FormatOption = Annotated[
    Format | None,
    typer.Option("--format", "-f", help="How to write the result; default: table.", rich_help_panel=_OUTPUT),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="File to write, - for stdout; .json, .csv, .xlsx, .md or .txt says how.",
        rich_help_panel=_OUTPUT,
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.", rich_help_panel=_OUTPUT)
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say more: nothing is abridged.", rich_help_panel=_OUTPUT)
]
Lang = Annotated[
    Language | None,
    typer.Option("--lang", help="Language of labels and messages; default: en.", rich_help_panel=_OUTPUT),
]
UnitOption = Annotated[
    Unit | None,
    typer.Option("--unit", help="Unit of amounts in tables; default: 元.", rich_help_panel=_OUTPUT),
]
Unmask = Annotated[
    bool,
    typer.Option("--unmask", help="Show persons' names and numbers as they are.", rich_help_panel=_OUTPUT),
]
Top = Annotated[
    str | None,
    typer.Option(
        "--top",
        metavar="N",
        help="Most rows to show, 0 for all; default: 20 in a terminal, else all.",
        rich_help_panel=_OUTPUT,
    ),
]

AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="DATE",
        help="Date that the figures hold for; default: graphrisk.toml, else the data's last date.",
        rich_help_panel=_QUESTION,
    ),
]
Currency = Annotated[
    str | None,
    typer.Option(
        "--currency",
        metavar="CODE",
        help="Reporting currency (ISO 4217); default: the data's.",
        rich_help_panel=_QUESTION,
    ),
]
Convention = Annotated[
    list[str] | None,
    typer.Option(
        "--convention",
        metavar="NAME=VALUE",
        help="A choice of loan arithmetic; repeat for more. See graphrisk help conventions.",
        rich_help_panel=_QUESTION,
    ),
]

By = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="KEY[,KEY]",
        help="What a row stands for: " + "loan, borrower, lender, group, project, guarantor, product, "
        "region, bucket, five_class, origination_month.",
        rich_help_panel=_QUESTION,
    ),
]
Include = Annotated[
    str | None,
    typer.Option(
        "--include",
        metavar="PART[,PART]",
        help="Add penalty or fees to the overdue total.",
        rich_help_panel=_QUESTION,
    ),
]
Explain = Annotated[
    bool,
    typer.Option("--explain", help="Show one loan instalment by instalment.", rich_help_panel=_QUESTION),
]

ByGroup = Annotated[
    bool,
    typer.Option(
        "--group",
        help="Take obligors together by group: stated, or owned through any chain.",
        rich_help_panel=_QUESTION,
    ),
]
ChannelOption = Annotated[
    Channel | None,
    typer.Option(
        "--channel",
        help="Only exposures of this channel; trust: beliefs, and the payment history behind them.",
        rich_help_panel=_QUESTION,
    ),
]
OverdueAmount = Annotated[
    str | None,
    typer.Option(
        "--overdue",
        metavar="AMOUNT",
        help="Amount it does not pay; default: its overdue total in the data.",
        rich_help_panel=_QUESTION,
    ),
]
Horizon = Annotated[
    str | None,
    typer.Option(
        "--horizon",
        metavar="DAYS",
        help="Days within which amounts fall due; default: 90d.",
        rich_help_panel=_QUESTION,
    ),
]
ReactionsFile = Annotated[
    Path | None,
    typer.Option(
        "--reactions",
        metavar="FILE",
        help="How financing reacts; default: reactions.toml in the data folder, else assumptions that ship.",
        rich_help_panel=_QUESTION,
    ),
]
NoFeedback = Annotated[
    bool,
    typer.Option("--no-feedback", help="Keep all financing whole.", rich_help_panel=_QUESTION),
]
ExtremeOption = Annotated[
    Extreme | None,
    typer.Option(
        "--extreme",
        help="The mechanical loss (greatest payments), or the bound of a run on everybody (least).",
        rich_help_panel=_QUESTION,
    ),
]
UnknownCash = Annotated[
    str | None,
    typer.Option(
        "--unknown-cash",
        metavar="HOW",
        help="Cash where the data has none: just-solvent, zero, refuse, or days of outflow such as 30d.",
        rich_help_panel=_QUESTION,
    ),
]
FailOver = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-over",
        metavar="COLUMN=AMOUNT",
        help="Exit with code 6 if the column's total is above; repeat for more.",
        rich_help_panel=_OUTPUT,
    ),
]
MaxRounds = Annotated[
    str | None,
    typer.Option(
        "--max-rounds",
        metavar="N",
        help="Rounds after which to give up; default: 10000.",
        rich_help_panel=_QUESTION,
    ),
]
SpreadExplain = Annotated[
    str | None,
    typer.Option(
        "--explain",
        metavar="ID",
        autocompletion=entity_ids,
        help="Show what reaches this entity: by which contract, in which round, by which clause.",
        rich_help_panel=_QUESTION,
    ),
]
Shapley = Annotated[
    bool,
    typer.Option(
        "--shapley",
        help="Share the losses among the five channels, whatever their order; up to 32 runs.",
        rich_help_panel=_QUESTION,
    ),
]
Periods = Annotated[
    str | None,
    typer.Option(
        "--periods",
        metavar="N",
        help="Horizons that follow each other, the ledger rolled forward in between; default: 1.",
        rich_help_panel=_QUESTION,
    ),
]
TrustOption = Annotated[
    TrustFrom | None,
    typer.Option(
        "--trust",
        help="Trust as stated, else by default probability (prior), or first by payments seen (history).",
        rich_help_panel=_QUESTION,
    ),
]
Hops = Annotated[
    str | None,
    typer.Option(
        "--hops",
        metavar="N",
        help="Show rows up to N steps away; what is computed stays the same.",
        rich_help_panel=_OUTPUT,
    ),
]
ToEntity = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="ID",
        autocompletion=entity_ids,
        help="Entity at which paths end; without another one: show who can hurt it.",
        rich_help_panel=_QUESTION,
    ),
]
TopPaths = Annotated[
    str | None,
    typer.Option(
        "--top",
        metavar="N",
        help="Paths to show, the heaviest first, at least 1; default: 20, in a pipe too.",
        rich_help_panel=_OUTPUT,
    ),
]
Patterns = Annotated[
    bool,
    typer.Option(
        "--patterns",
        help="Show circles, mutual pairs, chains and stars of guarantees, and which are wrong-way.",
        rich_help_panel=_QUESTION,
    ),
]
CallAmount = Annotated[
    str | None,
    typer.Option(
        "--call",
        metavar="AMOUNT",
        help="Show who pays if the debtor leaves this amount unpaid.",
        rich_help_panel=_QUESTION,
    ),
]
GuaranteeGroup = Annotated[
    bool,
    typer.Option(
        "--group",
        help="Take an entity for its whole group; with --patterns, each group as one.",
        rich_help_panel=_QUESTION,
    ),
]
