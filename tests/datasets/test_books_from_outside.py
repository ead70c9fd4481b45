"""Books that we did not make, taken through check, overdue and spread, against figures that another tool computed."""

import csv
import gzip
import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from graphrisk.analyzers.npl import npl
from graphrisk.analyzers.overdue import overdue
from graphrisk.analyzers.spread import spread
from graphrisk.network import Network
from graphrisk.stores import open_store

pytestmark = pytest.mark.datasets

SAS_EPOCH = date(1960, 1, 1)


@pytest.fixture(scope="module")
def answers(datasets):
    return json.loads((datasets / "answers.json").read_text(encoding="utf-8"))


def write(folder: Path, table: str, rows: list[dict]) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def american(text: str) -> str:
    month, day, year = text.split("/")
    return f"{year}-{int(month):02d}-{int(day):02d}"


@pytest.fixture(scope="module")
def receivables(datasets, tmp_path_factory):
    """2,466 invoices of 100 customers (IBM Watson sample), owed to one seller."""
    folder = tmp_path_factory.mktemp("receivables")
    file = datasets / "receivables_ibm" / "WA_Fn-UseC_-Accounts-Receivable.csv"
    with file.open(encoding="utf-8") as text:
        rows = [
            {
                "invoiceNumber": row["invoiceNumber"],
                "seller_id": "SELLER",
                "buyer_id": row["customerID"],
                "amount": row["InvoiceAmount"],
                "InvoiceDate": american(row["InvoiceDate"]),
                "DueDate": american(row["DueDate"]),
                "SettledDate": american(row["SettledDate"]),
                "currency": "USD",
            }
            for row in csv.DictReader(text)
        ]
    write(folder, "invoices", rows)
    return open_store(str(folder)).read_tables()


def test_every_invoice_is_read_with_its_leading_zeros(receivables, answers):
    known = answers["receivables_ibm"]
    frame = receivables["invoices"]

    assert receivables.tallies["invoices"].rows_kept == known["rows"]
    assert frame["buyer_id"].nunique() == known["customers"]
    assert frame["invoice_id"].str.startswith("0").sum() == known["leading_zero_invoice_numbers"]
    assert Decimal(int(frame["amount"].sum())) / 100 == Decimal(str(known["sum_amount"]))


def test_overdue_invoices_at_a_date_are_those_that_were_found_by_hand(receivables, answers):
    known = answers["receivables_ibm"]["overdue_at_2013_06_30"]
    network = Network.from_tables(receivables, as_of=date(2013, 6, 30))

    assert (network.items.overdue > 0).sum() == known["count"]
    assert network.overdue["invoice"].sum() == pytest.approx(known["amount"])
    assert (network.days_past_due <= 30).all()


def test_a_late_customer_hurts_the_seller_by_what_it_owes(receivables):
    network = Network.from_tables(receivables, as_of=date(2013, 6, 30))
    late = network.ids[network.overdue_total.argmax()]
    result = spread(network, late)

    assert result.rows["entity_id"].tolist() == [late, "SELLER"]
    assert result.summary["overdue_total"] == pytest.approx(network.overdue_total.max())
    assert result.rows["cash_shortfall"].tolist() == pytest.approx([0, network.overdue_total.max()])
    assert result.summary["unknown_cash_entities"] == 101


@pytest.fixture(scope="module")
def npl_book(datasets, tmp_path_factory):
    """200 loans with wholly random values in the EBA's NPL templates."""
    folder = tmp_path_factory.mktemp("npl")
    with gzip.open(datasets / "npl_eba_synthetic" / "synthetic_data_1.json.gz", "rt", encoding="utf-8") as text:
        loans = [record["fields"] for record in json.load(text) if record["model"] == "npl_portfolio.loan"]
    # Of the templates' many fields, those that have a column here; the seller of the portfolio is the lender.
    write(
        folder,
        "loans",
        [
            {
                "instrument_identifier": loan["instrument_identifier"],
                "counterparty_identifier": loan["counterparty_identifier"],
                "lender_id": "SELLER",
                "origination_amount": loan["origination_amount"],
                "start_date": loan["date_of_origination"],
            }
            for loan in loans
        ],
    )
    write(
        folder,
        "snapshots",
        [
            {
                "instrument_identifier": loan["instrument_identifier"],
                "as_of": "2021-03-15",
                "principal_balance": loan["principal_balance"],
                "pastdue_principal_amount": loan["pastdue_principal_amount"],
                "pastdue_interest_amount": loan["pastdue_interest_amount"],
                "days_in_pastdue": loan["days_in_pastdue"],
            }
            for loan in loans
        ],
    )
    return open_store(str(folder)).read_tables(), loans


def test_what_is_past_due_in_the_templates_is_overdue_here(npl_book, answers):
    tables, loans = npl_book
    known = answers["npl_eba_synthetic"]
    result = overdue(tables, as_of=date(2021, 3, 15))

    assert tables.tallies["loans"].rows_kept == known["loans"]
    assert result.summary["overdue_principal"] == Decimal(int(known["pastdue_principal"]))
    assert result.summary["overdue_interest"] == Decimal(int(known["pastdue_interest"]))
    assert (result.rows["days_past_due"] > 90).sum() == known["dpd_over_90"]
    bad = sum(loan["principal_balance"] for loan in loans if loan["days_in_pastdue"] > 90)
    assert npl(tables, as_of=date(2021, 3, 15)).summary["npl_balance"] == Decimal(bad)


@pytest.fixture(scope="module")
def sba(datasets, tmp_path_factory):
    """2,101 guaranteed small-business loans of Californian lessors (US SBA): borrower, bank, guarantor."""
    folder = tmp_path_factory.mktemp("sba")
    with (datasets / "sba_loans" / "SBAcase.11.13.17.csv").open(encoding="utf-8-sig") as text:
        records = list(csv.DictReader(text))

    def day(number: str) -> str:
        return (SAS_EPOCH + timedelta(days=int(number))).isoformat() if number else ""

    write(
        folder,
        "loans",
        [
            {
                "LoanNr_ChkDgt": record["LoanNr_ChkDgt"],
                "borrower_id": f"B{record['LoanNr_ChkDgt']}",
                "Bank": record["Bank"],
                "DisbursementGross": record["DisbursementGross"],
                "start_date": day(record["DisbursementDate"] or record["ApprovalDate"]),
                "term": record["Term"],
                "method": "level_payment",
                "written_off": record["ChgOffPrinGr"] if record["MIS_Status"] == "CHGOFF" else "",
                "write_off_date": day(record["ChgOffDate"]),
                "status": {"P I F": "settled", "CHGOFF": "written_off"}[record["MIS_Status"]],
            }
            for record in records
        ],
    )
    write(
        folder,
        "guarantees",
        [
            {
                "guarantee_id": f"G{record['LoanNr_ChkDgt']}",
                "guarantor_id": "SBA",
                "debtor_id": f"B{record['LoanNr_ChkDgt']}",
                "loan_id": record["LoanNr_ChkDgt"],
                "SBA_Appv": record["SBA_Appv"],
                "kind": "several",
                "share": round(int(record["SBA_Appv"]) / int(record["GrAppv"]), 6),
            }
            for record in records
        ],
    )
    return open_store(str(folder)).read_tables()


def test_the_sba_tape_is_read_whole(sba, answers):
    known = answers["sba_loans"]
    loans = sba["loans"]

    for name in ("loans", "guarantees"):
        tally = sba.tallies[name]
        assert tally.rows_read == known["rows"]
        assert tally.rows_kept + tally.rows_quarantined == tally.rows_read
    assert [finding.line for finding in sba.findings if finding.code == "missing_value"] == [1006, 1064, 1206]
    assert sba.tallies["loans"].rows_quarantined == 3, "three rows name no bank"
    assert loans["lender_id"].nunique() == known["banks"]
    for table, column, total in (
        ("loans", "principal", known["sum_disbursed"]),
        ("guarantees", "amount", known["sum_guaranteed"]),
    ):
        tally, key = sba.tallies[table], (column, sba.currency)
        assert tally.money_read[key] == total * 100
        assert tally.money_kept[key] + tally.money_quarantined[key] == total * 100


def test_three_roles_meet_in_one_graph(sba, answers):
    network = Network.from_tables(sba, as_of=date(2017, 11, 13))
    roles = network.entities["roles"]

    assert roles[network.ids.get_loc("SBA")] == ("guarantor",)
    assert sum("financier" in names for names in roles) == answers["sba_loans"]["banks"]
    of_kept_loans = sba["guarantees"]["loan_id"].isin(sba["loans"]["loan_id"])
    kept = int(sba["guarantees"]["amount"][of_kept_loans].sum()) / 100
    assert network.exposure["guarantee"].sum() == pytest.approx(kept)
    assert len(network.findings) >= (~of_kept_loans).sum() == 3, "the other three are said"
