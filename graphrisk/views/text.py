"""A result as text: a table for people, Markdown for reports, JSON and CSV for machines."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal, TextIO

import pandas as pd

from graphrisk.results import Result, Sentence, package_version
from graphrisk.tables.currency import exponent
from graphrisk.views.amounts import grouped
from graphrisk.views.grids import Grid, Item, Line, grid, print_markdown, print_plain, print_terminal
from graphrisk.views.language import label, say
from graphrisk.views.mask import Masker, masked
from graphrisk.views.records import write_csv, write_json

Format = Literal["table", "json", "csv", "md"]

_RANKS = {"error": 0, "warning": 1, "note": 2}

#: Digits of the fingerprint in an audit line.
_SHORT = 12

#: Columns of a command that its table leaves to JSON and CSV.
_LEFT_OUT = {
    "spread": ("distance", "first_round", "passed_on", "gap"),
    "spread_periods": ("distance", "first_round", "roles", "passed_on", "extra_cost"),
    "guarantees": ("loan_id", "share", "cap", "due", "days_past_due", "call_most", "end"),
    "guarantees_patterns": ("largest", "steps", "main_id", "ring", "part_of", "guarantee_ids"),
    "guarantees_call": ("kind", "share", "paid_before", "recourse", "behind", "pays_from"),
}

#: Commands whose table leaves out columns that say nothing in any row.
_SPARSE = ("guarantees", "exposure", "exposure_group", "exposure_trust")

#: Columns that a narrow terminal does without, the first one first.
_EXPENDABLE = tuple(
    "unallocated currency payment_id overdue_since principal penalty_paid loans par30_ratio penalty bucket "  # noqa: SIM905 -- a list
    "outstanding_principal lender_id interest_paid principal_paid penalty_total refers unit key required type "
    "defaulted roles absorbed interest_due principal_due overdue_interest overdue_principal five_class adds_to date "
    "before name par90_ratio loans_overdue creditor_name obligor_name newest obligors funding supply until share "
    "good bad channel share_of_creditor guaranteed contingent guarantor_name debtor_name main_name channels"
    " dependence outstanding round creditor_ids order unpaid path call_now cap side surplus status".split()
)

#: The same of single commands; in an explanation the round is what goes last.
_EXPENDABLE_OF = {"spread_explain": ("adds_to", "date", "before", "name", "after", "round")}


def write(
    result: Result,
    format: Format,  # noqa: A002 -- the flag's name
    out: TextIO,
    *,
    lang: str = "en",
    unit: str = "元",
    top: int = 0,
    masker: Masker | None = None,
    terminal: int | None = None,
    command: str = "",
) -> None:
    """Write a result.

    Parameters
    ----------
    result : Result
        As an analyzer made it.
    format : str
        ``table``, ``json``, ``csv`` or ``md``.
    out : text stream
        Where to; what is written ends with a line feed.
    lang, unit : str
        Language of labels and sentences, and 元, 万元 or 亿元 for amounts: in ``table`` and ``md`` alone.
    top : int
        Most rows to write; 0 for all. For ``check`` most findings of one kind, in ``table`` and ``md`` alone.
    masker : Masker or None
        What hides persons; None shows them.
    terminal : int or None
        Width of the terminal in cells; None: no terminal, so no cut, no colour, no boxes.
    command : str
        The command as typed, for the audit line.
    """
    people = format in ("table", "md")
    shown = as_shown(result, masker, lang if people else "en")
    if not people:
        rows = shown.rows.head(top) if top and shown.command != "check" else shown.rows
        (write_json if format == "json" else write_csv)(replace(shown, rows=rows), out)
        return
    hidden_command = masker.text(command) if masker else command
    items = [*_page(shown, lang, unit, top), *_audit(shown, lang, hidden_command)]
    if format == "md":
        print_markdown(items, out)
    elif terminal is None:
        print_plain(items, out)
    else:
        print_terminal(items, out, terminal, lang)


def audit_lines(result: Result, *, lang: str = "en", masker: Masker | None = None, command: str = "") -> list[str]:
    """Return what made a result: version, data, date, conventions and command.

    Parameters
    ----------
    result : Result
        The answer.
    lang : str
        ``en`` or ``zh``.
    masker : Masker or None
        What hides persons in the command.
    command : str
        The command as typed.

    Returns
    -------
    list of str
        One line, and one more if conventions played a part.
    """
    shown = masker.text(command) if masker else command
    return [line.text for line in _audit(result, lang, shown) if line.text]


def as_shown(result: Result, masker: Masker | None, lang: str) -> Result:
    """Return a result as it may be shown, its findings said in a language.

    Parameters
    ----------
    result : Result
        As an analyzer made it.
    masker : Masker or None
        What hides persons; None shows them.
    lang : str
        ``en`` or ``zh``.

    Returns
    -------
    Result
    """
    shown = masked(result, masker)
    if shown.command != "check" or shown.tables is None:
        return shown
    findings = [shown.tables.findings[position] for position in shown.rows.index]
    if masker:
        findings = [masker.finding(finding) for finding in findings]
    said = {
        "value": [finding.value or None for finding in findings],
        "repair": [finding.repair(lang) for finding in findings],
        "detail": [finding.sentence(lang) for finding in findings],
    }
    return replace(shown, rows=shown.rows.assign(**said))


def _page(result: Result, lang: str, unit: str, top: int) -> list[Item]:
    items: list[Item] = [Line(_say(result, sentence, lang, unit), "bold") for sentence in result.headline]
    body = _findings(result, lang, unit, top) if result.command == "check" else _rows(result, lang, unit, top)
    items += [Line(), *body] if items else body
    notes = [Line(f"- {_say(result, sentence, lang, unit)}") for sentence in result.notes]
    return [*items, Line(), *notes] if notes else items


def _say(result: Result, sentence: Sentence, lang: str, unit: str) -> str:
    return say(sentence, lang, unit=unit, currency=result.currency)


def _rows(result: Result, lang: str, unit: str, top: int) -> list[Item]:
    shown = result.rows.head(top) if top else result.rows
    items: list[Item] = []
    if any(column.type in ("money", "minor") for column in result.columns):
        items.append(Line(render_unit(_currencies(result), unit, lang)))
    if "record" in result.rows:
        parts = [part for _, part in shown.groupby("record", sort=False)]
        # A payment has no due date and an instalment no payment: each kind of record shows what it has.
        expendable = _EXPENDABLE_OF.get(result.command, _EXPENDABLE)
        tables = [grid(_without_blanks(result, part), part, lang, unit, expendable) for part in parts]
        for table in tables:
            items += [table, Line()] if table is not tables[-1] else [table]
    else:
        blank = _blank(result, shown) if result.command in _SPARSE else ()
        left_out = (*_LEFT_OUT.get(result.command, ()), *blank)
        columns = tuple(column for column in result.columns if column.name not in left_out)
        table = grid(replace(result, columns=columns), shown, lang, unit, _EXPENDABLE)
        items.append(table.with_total(result, lang, unit))
    more = len(result.rows) - len(shown)
    return [*items, Line(say(Sentence("more_rows", {"rows": more}), lang), "dim")] if more else items


def _blank(result: Result, rows: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns without any value in some rows; of sums by group also those of nothing."""
    if rows.empty:
        return ()
    sums = result.command == "exposure_group"
    return tuple(
        column.name
        for column in result.columns
        if rows[column.name].isna().all() or (sums and column.type == "money" and rows[column.name].eq(0).all())
    )


def _without_blanks(result: Result, part: pd.DataFrame) -> Result:
    filled = tuple(column for column in result.columns if part[column.name].notna().any())
    return replace(result, columns=filled)


def _currencies(result: Result) -> tuple[str, ...]:
    if "currency" not in result.rows or result.rows.empty:
        return (result.currency,)
    return tuple(result.rows["currency"].fillna(result.currency).unique())


def render_unit(currencies: tuple[str, ...], unit: str, lang: str) -> str:
    """Return what amounts are counted in.

    Examples
    --------
    >>> render_unit(("CNY",), "万元", "en"), render_unit(("USD",), "万元", "en")
    ('Amounts in 万元.', 'Amounts in 万 USD.')
    >>> render_unit(("CNY", "USD"), "元", "en")
    "Amounts in each row's currency."
    """
    scale = unit.removesuffix("元")
    if len(currencies) > 1:
        own = Sentence("own_currency", {"scale": f"{scale} " if scale else ""})
        return say(Sentence("amounts_in", {"unit": own}), lang)
    currency = currencies[0]
    counted_in = (unit if scale else "CNY") if currency == "CNY" else f"{scale} {currency}".strip()
    return say(Sentence("amounts_in", {"unit": counted_in or unit}), lang)


def _findings(result: Result, lang: str, unit: str, top: int) -> list[Item]:
    items: list[Item] = [_tallies(result.summary, lang), *_money(result.summary, lang, unit)]
    kinds = dict.fromkeys(zip(result.rows["severity"], result.rows["finding"], strict=True))
    for severity, code in sorted(kinds, key=lambda kind: _RANKS[kind[0]]):
        rows = result.rows[(result.rows["severity"] == severity) & (result.rows["finding"] == code)]
        head = {"severity": severity, "finding": code, "count": len(rows)}
        items += [Line(), Line(say(Sentence("findings_head", head), lang), "bold")]
        listed = rows.head(top) if top else rows
        one_repair = len(listed["repair"].unique()) == 1
        for row in listed.itertuples(index=False):
            said = {"detail": row.detail, "repair": row.repair}
            text = str(row.detail) if one_repair else say(Sentence("finding_line", said), lang)
            items.append(Line(f"  {place(row.file, row.line)}{text}"))
        if more := len(rows) - len(listed):
            items.append(Line("  " + say(Sentence("more_findings", {"count": more}), lang), "dim"))
        if one_repair and (repair := listed["repair"].iloc[0]):
            items.append(Line(f"  > {repair}"))
    return items


def place(file: str | None, line: int | None) -> str:
    """Return where something stands, before what is said of it.

    Examples
    --------
    >>> place("loans.csv", 3), place("loans.csv", None), place(None, None)
    ('loans.csv:3: ', 'loans.csv: ', '')
    """
    if pd.isna(file) or not file:
        return ""
    return f"{file}: " if pd.isna(line) else f"{file}:{line}: "


def _tallies(summary: Mapping[str, Any], lang: str) -> Grid:
    names = ("rows_read", "rows_kept", "rows_quarantined")
    tables: Mapping[str, Mapping[str, int]] = summary["tables"]
    cells = [list(tables), *([f"{table[name]:,}" for table in tables.values()] for name in names)]
    headers = tuple(label(name, lang) for name in ("table", *names))
    total = (label("total", lang), *(f"{summary[name]:,}" for name in names)) if len(tables) > 1 else ()
    return Grid(("table", *names), headers, cells, (False, True, True, True), total=total)


def _money(summary: Mapping[str, Any], lang: str, unit: str) -> list[Item]:
    """Return the sums of amounts by table, currency and column: read and kept."""
    rows = [
        (table, column, currency, _grouped(amount, currency, unit), _grouped(kept.get(column, 0), currency, unit))
        for table, currencies in summary["money_read"].items()
        for currency, columns in currencies.items()
        for kept in [summary["money_kept"][table].get(currency, {})]
        for column, amount in columns.items()
    ]
    if not rows:
        return []
    keys = ("table", "column", "currency", "money_read", "money_kept")
    headers = tuple(label(key, lang) for key in keys)
    cells = [list(column) for column in zip(*rows, strict=True)]
    counted_in = Line(render_unit(tuple(dict.fromkeys(cells[2])), unit, lang))
    return [Line(), counted_in, Grid(keys, headers, cells, (False, False, False, True, True))]


def _grouped(amount: Decimal, currency: str, unit: str) -> str:
    return grouped(Decimal(amount), exponent(currency), unit)


def _audit(result: Result, lang: str, command: str) -> list[Line]:
    book = result.tables
    parts: Iterable[str] = (
        f"graphrisk {package_version()}",
        f"{label('data', lang)} {book.fingerprint[:_SHORT]}" if book and book.fingerprint else "",
        f"{label('as_of', lang)} {result.as_of.isoformat()}" if result.as_of else "",
        result.currency,
        command,
    )
    lines = [Line(), Line(" | ".join(part for part in parts if part), "dim")]
    if result.conventions:
        named = ", ".join(f"{name}={value}" for name, value in result.conventions.items())
        lines.append(Line(f"{label('conventions', lang)}: {named}", "dim"))
    return lines
