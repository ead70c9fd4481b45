"""Payment history and ownership that we did not make: invoices of 100 customers, statements of an open standard."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphrisk import Network, exposure, read
from graphrisk.network.groups import find_groups
from graphrisk.network.reading import Places
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS

pytestmark = pytest.mark.datasets

AS_OF = date(2013, 6, 30)
HEADERS = {"customerID": "buyer_id", "InvoiceAmount": "amount"}


@pytest.fixture(scope="module")
def invoices(datasets) -> pd.DataFrame:
    """2,466 invoices with due dates, settled dates and disputes (IBM Watson sample)."""
    file = datasets / "receivables_ibm" / "WA_Fn-UseC_-Accounts-Receivable.csv"
    frame = pd.read_csv(file, dtype={"invoiceNumber": str})
    for name in ("InvoiceDate", "DueDate", "SettledDate"):
        frame[name] = pd.to_datetime(frame[name], format="%m/%d/%Y")
    return frame


@pytest.fixture(scope="module")
def beliefs(invoices, tmp_path_factory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("receivables")
    columns = ["invoiceNumber", "buyer_id", "amount", "InvoiceDate", "DueDate", "SettledDate", "Disputed"]
    rows = invoices.rename(columns=HEADERS)[columns].assign(seller_id="SELLER", currency="USD")
    rows.to_csv(folder / "invoices.csv", index=False)
    result = exposure(Network.from_tables(read(folder), as_of=AS_OF), channel="trust")
    return result.rows.set_index("obligor_id")


@pytest.fixture(scope="module")
def due(invoices) -> pd.DataFrame:
    """Return the undisputed invoices that were due by the date, with what was known then."""
    now = pd.Timestamp(AS_OF)
    frame = invoices[(invoices["Disputed"] == "No") & (invoices["DueDate"] <= now)].copy()
    frame["open"] = frame["SettledDate"] > now
    frame["late"] = (frame["SettledDate"].clip(upper=now) - frame["DueDate"]).dt.days
    return frame[~(frame["open"] & (frame["late"] == 0))]  # what falls due that day is not late yet


def test_trials_are_the_undisputed_invoices_that_fell_due(due, beliefs):
    sizes = due.groupby("customerID").size()

    assert (len(due), due["open"].sum()) == (1410, 4)
    assert beliefs["trials"].sum() == len(due)
    assert (beliefs.loc[sizes.index, "trials"] == sizes).all()


def test_evidence_of_each_customer_is_what_pandas_counts(due, beliefs):
    mean = due.groupby("customerID")["InvoiceAmount"].transform("mean")
    age = (pd.Timestamp(AS_OF) - due["DueDate"]).dt.days
    severity = pd.cut(due["late"], [-9999, 0, 30, 60, 90, 180, 9999], labels=[0, 0.1, 0.25, 0.5, 0.75, 1]).astype(float)
    weight = due["InvoiceAmount"] / mean * 0.5 ** (age / 365.25)
    good = weight.where(severity == 0, 0.0).groupby(due["customerID"]).sum()
    bad = (weight * severity).groupby(due["customerID"]).sum()
    known = beliefs.loc[good.index]

    assert known["good"].to_numpy() == pytest.approx(good.to_numpy())
    assert known["bad"].to_numpy() == pytest.approx(bad.to_numpy())
    assert known["trust"].to_numpy() == pytest.approx(((good + 1) / (good + bad + 2)).to_numpy())


def test_trust_ranks_customers_much_as_their_share_paid_on_time_does(due, beliefs):
    on_time = ((due["late"] <= 0) & ~due["open"]).groupby(due["customerID"]).mean()
    many = beliefs[beliefs["trials"] >= 15]

    assert len(many) > 40
    assert many["trust"].corr(on_time[many.index], method="spearman") > 0.8
    assert (beliefs.loc[on_time.index, "bad"] == 0).equals(on_time == 1)


def owners(datasets: Path, name: str) -> Places:
    """Return the direct interests of a file of the Beneficial Ownership Data Standard (version 0.4) as tables."""
    statements = json.loads((datasets / "bods_examples" / f"{name}.json").read_text(encoding="utf-8"))
    kinds = {"entity": "company", "person": "person"}
    entities = [
        {"entity_id": one["recordId"], "kind": kinds[one["recordType"]]}
        for one in statements
        if one["recordType"] in kinds
    ]
    rows = []
    for one in statements:
        if one["recordType"] != "relationship":
            continue
        detail = one["recordDetails"]
        for interest in detail["interests"]:
            if interest["directOrIndirect"] == "indirect":
                continue
            share = interest.get("share", {}).get("exact")
            rows.append(
                {
                    "owner_id": detail["interestedParty"],
                    "owned_id": detail["subject"],
                    "share_min": None if share is None else share / 100,
                    "control": interest["beneficialOwnershipOrControl"],
                    "start": interest.get("startDate"),
                }
            )
    tables = {"entities": SCHEMAS["entities"].frame(entities), "ownership": SCHEMAS["ownership"].frame(rows)}
    return Places.at(Tables(tables), date(2024, 6, 30))


def test_whom_a_person_owns_through_two_firms_is_one_group(datasets):
    # The person controls C and D, each of which holds half of B: the file itself says that it owns 60 % of B.
    at = owners(datasets, "multiple-indirect-ownership")
    groups = find_groups(at)

    assert groups.group[: at.n].tolist() == [0, 0, 0, 0]
    assert at.ids[groups.head[0]] == "92ebf964a1f6"
    assert groups.findings == ()


def test_two_who_own_one_half_each_are_no_group(datasets):
    at = owners(datasets, "joint-ownership")
    groups = find_groups(at)

    assert sorted(at.ids[groups.members(0)]) == ["31c55e425764", "91b4236a7d89"]
    assert len(groups.names) == 1
    (finding,) = groups.findings
    assert finding.code == "joint_control"
    assert finding.fields["owners"] == ("1accb8b18b99", "f040df24d9ec")


def test_half_held_and_half_through_a_firm_is_the_whole(datasets):
    at = owners(datasets, "mixed-direct-and-indirect-ownership")
    groups = find_groups(at)

    assert np.unique(groups.group[: at.n]).tolist() == [0]
    assert at.ids[groups.head[0]] == "53508b65253f"
