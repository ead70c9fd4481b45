"""Exposures one by one: the contracts behind the matrices of a network, each with who loses and who fails."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.network.arrays import Positions
from graphrisk.network.contracts import (
    invoice_claims,
    last_sales,
    loan_dues,
    loan_shares,
    open_invoices,
    trade_credit,
)
from graphrisk.network.network import Network
from graphrisk.network.reading import Reading
from graphrisk.network.stakes import guarantee_stakes, implied_receivables, lent_shares

#: Kinds of contracts, by channel, in the order in which they are listed.
KINDS = {
    "default": ("loan", "invoice", "trade_credit"),
    "guarantee": ("guarantee",),
    "supply": ("trade",),
    "funding": ("facility", "advance", "project"),
    "trust": ("ownership", "partnership"),
}
_OF_LINE = {"undrawn": "facility", "rolled": "advance", "project": "project"}
_COLUMNS = ("channel", "kind", "contract_id", "creditor", "obligor", "amount", "share", "overdue", "until")


def contract_exposures(network: Network, read: Reading) -> pd.DataFrame:
    """Return every exposure of a network as a row a contract.

    The amounts of a channel add up to its matrix in ``network.exposure``; those of the channel of trust are no money
    and stand under ``share``.

    Parameters
    ----------
    network : Network
        The network.
    read : Reading
        The book that it was built from (`Network.reading`).

    Returns
    -------
    DataFrame
        channel, kind (of `KINDS`), contract_id (blank where a contract has none), creditor, obligor (positions),
        amount (reporting currency), share (of ownership, or weight of a partnership), overdue (the part of a loan or
        invoice that is past due), until (maturity, due date, expiry or end; missing where there is none).
    """
    rows = pd.concat(
        [_loans(read), *_trade(read), _guarantees(network, read), _lines(network, read), _ties(read)],
        ignore_index=True,
    )
    inside = (rows["creditor"] >= 0) & (rows["creditor"] < network.n) & (rows["obligor"] >= 0)
    inside &= (rows["obligor"] < network.n) & ((rows["amount"] > 0) | (rows["channel"] == "trust"))
    return rows[inside].reset_index(drop=True)


def _rows(channel: str, kind: object, columns: dict[str, object], size: int) -> pd.DataFrame:
    """Return contracts as rows in which what is not said is missing."""
    usual: dict[str, object] = {"channel": channel, "kind": kind, "contract_id": "", "amount": np.nan}
    missing = {"share": np.nan, "overdue": np.nan, "until": np.datetime64("NaT", "s")}
    frame = pd.DataFrame({**usual, **missing, **columns}, index=range(size))[list(_COLUMNS)]
    return frame.astype({"until": "datetime64[s]"})


def _loans(read: Reading) -> pd.DataFrame:
    shares = loan_shares(read)
    lent, _ = lent_shares(read, shares)
    _, overdue = loan_dues(read)
    loan, share = shares["loan"].to_numpy(dtype=np.int64), shares["share"].to_numpy(dtype=np.float64)
    columns: dict[str, object] = {
        "contract_id": shares["loan_id"].to_numpy(),
        "creditor": shares["lender"].to_numpy(),
        "obligor": shares["borrower"].to_numpy(),
        "amount": np.nan_to_num(lent),
        "overdue": np.nan_to_num(overdue[loan] * share),
        "until": _maturity(read).reindex(shares["loan_id"]).to_numpy(),
    }
    return _rows("default", "loan", columns, len(shares))


def _maturity(read: Reading) -> pd.Series:
    """Return the day on which each loan matures: as given, else that of its last instalment."""
    loans = read.tables["loans"].drop_duplicates("loan_id").set_index("loan_id")["maturity_date"]
    last = read.ledger.instalments.groupby("loan_id")["due_date"].max()
    return loans.fillna(last.reindex(loans.index))


def _trade(read: Reading) -> list[pd.DataFrame]:
    """Return open invoices, trade credit beyond them, and what was bought in the last period."""
    invoices = open_invoices(read)
    claims = invoice_claims(invoices)
    sales = last_sales(read)
    credit = trade_credit(sales)
    late = (claims["due_date"] < read.as_of).to_numpy() & ~claims["disputed"].to_numpy(dtype=bool)
    owed: dict[str, object] = {
        "contract_id": claims["invoice_id"].to_numpy(),
        "creditor": claims["creditor"].to_numpy(),
        "obligor": claims["debtor"].to_numpy(),
        "amount": claims["amount"].to_numpy(),
        "overdue": np.where(late, claims["amount"], 0.0),
        "until": claims["due_date"].to_numpy(),
    }
    beyond: dict[str, object] = {
        "creditor": credit["seller"].to_numpy(),
        "obligor": credit["buyer"].to_numpy(),
        "amount": implied_receivables(invoices, credit),
    }
    bought = sales.groupby(["seller", "buyer"], sort=True)["amount"].sum().reset_index()
    supply: dict[str, object] = {
        "creditor": bought["buyer"].to_numpy(),
        "obligor": bought["seller"].to_numpy(),
        "amount": bought["amount"].to_numpy(dtype=np.float64),
    }
    return [
        _rows("default", "invoice", owed, len(claims)),
        _rows("default", "trade_credit", beyond, len(credit)),
        _rows("supply", "trade", supply, len(bought)),
    ]


def _ends(read: Reading, table: str, key: str, end: str, ids: NDArray[np.object_]) -> NDArray[np.datetime64]:
    """Return the last day of some contracts, by their ids."""
    last = read.tables[table].drop_duplicates(key).set_index(key)[end].reindex(pd.Index(ids))
    return last.to_numpy().astype("datetime64[s]")


def _guarantees(network: Network, read: Reading) -> pd.DataFrame:
    given = network.guarantees
    columns: dict[str, object] = {
        "contract_id": given.id,
        "creditor": given.guarantor,
        "obligor": given.debtor,
        "amount": guarantee_stakes(given.share, given.cap, given.outstanding),
        "until": _ends(read, "guarantees", "guarantee_id", "end", given.id),
    }
    return _rows("guarantee", "guarantee", columns, len(given.id))


def _lines(network: Network, read: Reading) -> pd.DataFrame:
    """Return limits, advances and project draws: their holder stands to lose them if their giver fails."""
    lines = network.lines
    chosen = lines.kind != "terms"
    kind, ids = lines.kind[chosen], lines.id[chosen]
    until = np.where(
        kind == "undrawn",
        _ends(read, "facilities", "facility_id", "expiry", ids),
        np.where(kind == "rolled", _ends(read, "invoices", "invoice_id", "due_date", ids), np.datetime64("NaT", "s")),
    )
    columns: dict[str, object] = {
        "contract_id": ids,
        "creditor": lines.holder[chosen],
        "obligor": lines.giver[chosen],
        "amount": lines.amount[chosen],
        "until": until,
    }
    return _rows("funding", [_OF_LINE[name] for name in kind], columns, len(kind))


def _ties(read: Reading) -> pd.DataFrame:
    """Return ownership, felt by the owner, and partnerships, felt by both."""
    owned, joined = read.tables["ownership"], read.tables["partnerships"]
    owned, joined = owned[read.in_force(owned)], joined[read.in_force(joined)]
    share = owned["share_max"].fillna(owned["share_min"]).to_numpy(dtype=np.float64, na_value=np.nan)
    one, other = read.position(joined["from_id"]), read.position(joined["to_id"])
    weight = joined["weight"].to_numpy(dtype=np.float64, na_value=np.nan)
    columns = (
        ("ownership", read.position(owned["owner_id"]), read.position(owned["owned_id"]), share, owned),
        ("partnership", one, other, weight, joined),
        ("partnership", other, one, weight, joined),
    )
    return pd.concat(
        [
            _rows(
                "trust",
                kind,
                {"creditor": loses, "obligor": fails, "share": part, "until": rows["end"].to_numpy()},
                len(rows),
            )
            for kind, loses, fails, part, rows in columns
        ],
        ignore_index=True,
    )


def contingent_claims(network: Network, read: Reading, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what creditors would claim of guarantors if the debtors paid nothing.

    A guarantee pays at most its cap, and its share of what it covers; what it pays is split among the creditors in
    proportion to what each is owed of that.

    Parameters
    ----------
    network : Network
        The network.
    read : Reading
        The book that it was built from.
    rows : DataFrame
        From `contract_exposures`.

    Returns
    -------
    DataFrame
        A row a guarantee and debt that it covers: contract_id (the guarantee's), creditor, obligor (the guarantor),
        debtor (positions), debt (its row in ``rows``), owed (what it comes to), amount.
    """
    owed = rows[rows["kind"].isin(("loan", "invoice"))]
    owed = owed[["kind", "contract_id", "creditor", "obligor", "amount"]].rename(columns={"obligor": "debtor"})
    owed["debt"] = owed.index
    given = network.guarantees
    table = read.tables["guarantees"].drop_duplicates("guarantee_id").set_index("guarantee_id").reindex(given.id)
    gs = pd.DataFrame(
        {
            "g": np.arange(len(given.id)),
            "debtor": given.debtor,
            "loan_id": table["loan_id"].to_numpy(),
            "creditor": read.position(table["creditor_id"]),
        }
    )
    of_loan = gs["loan_id"].notna()
    of_pair = ~of_loan & (gs["creditor"] >= 0)
    loans = owed[owed["kind"] == "loan"].rename(columns={"contract_id": "loan_id"})
    covered = pd.concat(
        [
            gs[of_loan][["g", "loan_id"]].merge(loans[["loan_id", "creditor", "debt", "amount"]], on="loan_id"),
            gs[of_pair][["g", "debtor", "creditor"]].merge(owed, on=["debtor", "creditor"]),
            gs[~of_loan & ~of_pair][["g", "debtor"]].merge(owed, on="debtor"),
        ],
        ignore_index=True,
    )
    covered = covered.sort_values(["g", "creditor", "debt"], kind="stable", ignore_index=True)
    g = covered["g"].to_numpy(dtype=np.int64)
    whole = given.outstanding
    paid = np.minimum(given.cap, given.share * whole)
    part = covered["amount"].to_numpy(dtype=np.float64) * (paid / np.where(whole > 0, whole, 1.0))[g]
    frame = pd.DataFrame(
        {
            "contract_id": given.id[g],
            "creditor": covered["creditor"].to_numpy(dtype=np.int64),
            "obligor": given.guarantor[g],
            "debtor": given.debtor[g],
            "debt": covered["debt"].to_numpy(dtype=np.int64),
            "owed": covered["amount"].to_numpy(dtype=np.float64),
            "amount": part,
        }
    )
    return frame[(frame["amount"] > 0) & (frame["creditor"] != frame["obligor"])].reset_index(drop=True)


def claimed_once(claims: pd.DataFrame, together: Positions) -> pd.DataFrame:
    """Return claims on guarantors such that those who answer together answer for no more than the debt.

    Parameters
    ----------
    claims : DataFrame
        From `contingent_claims`.
    together : ndarray of shape (k,), int
        For each claim a number that its guarantor shares with those who count as one.

    Returns
    -------
    DataFrame
        The same rows; where the guarantors of one debt would pay more than it, their amounts are cut in proportion.

    Examples
    --------
    Two answer for the whole of a debt of 100, a third for 30 of it:

    >>> claims = pd.DataFrame({"debt": [0, 0, 0], "owed": 100.0, "amount": [100.0, 100.0, 30.0]})
    >>> claimed_once(claims, np.array([1, 1, 2]))["amount"].tolist()
    [50.0, 50.0, 30.0]
    """
    total = claims.groupby([claims["debt"].to_numpy(), together])["amount"].transform("sum")
    return claims.assign(amount=claims["amount"] * np.minimum(1.0, claims["owed"] / total))
