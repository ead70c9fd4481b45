"""What entities have at stake in each other: balances, relations, trust, influence, exposure by channel, roles."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from graphrisk.network.arrays import Channel, Flags, Influence, Lines, Matrix, Positions, Vector
from graphrisk.network.contracts import is_lender
from graphrisk.network.evidence import Evidence
from graphrisk.network.reading import Reading
from graphrisk.tables.schemas import ROLES

#: Belief that an obligation is met where nothing else is known.
NEUTRAL_TRUST = 0.5


def matrix(amount: Vector, row: Positions, column: Positions, n: int) -> Matrix:
    """Return amounts as a matrix of n by n, entries of one place added, those outside the data left out.

    Examples
    --------
    >>> matrix(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 1]), np.array([1, 1, 2]), 2).toarray().tolist()
    [[0.0, 3.0], [0.0, 0.0]]
    """
    keep = (row >= 0) & (row < n) & (column >= 0) & (column < n) & (amount > 0)
    return sparse.coo_array((amount[keep], (row[keep], column[keep])), shape=(n, n)).tocsr()


def lent_shares(read: Reading, shares: pd.DataFrame) -> tuple[Vector, Vector]:
    """Return outstanding principal of each share of a loan, and what collateral leaves uncovered of it.

    Collateral comes off its own loan first, value less haircut, before the loan is split among its lenders.

    Parameters
    ----------
    read : Reading
        The book at a date.
    shares : DataFrame
        From `loan_shares`.

    Returns
    -------
    tuple of two ndarrays of shape (shares,)
    """
    loans = read.ledger.loans
    outstanding = read.money(loans["outstanding_principal"], loans["currency"])
    pledged = read.tables["collateral"]
    loan = read.loan(pledged["loan_id"])
    value = read.money(pledged["value"], pd.Series(loans["currency"].array.take(loan, allow_fill=True)))
    haircut = pledged["haircut"].to_numpy(dtype=np.float64, na_value=0.0)
    cover = pd.Series(value * (1 - haircut)).groupby(loan).sum().reindex(range(len(loans)), fill_value=0.0)
    open_part = np.maximum(0.0, outstanding - cover.to_numpy())
    share = shares["share"].to_numpy()
    return outstanding[shares["loan"]] * share, open_part[shares["loan"]] * share


def loan_balances(read: Reading, shares: pd.DataFrame) -> tuple[Matrix, Matrix]:
    """Return outstanding principal by lender and borrower, and what collateral leaves uncovered of it.

    Both have the same entries, 0 where collateral covers all.
    """
    lent, uncovered = lent_shares(read, shares)
    inside = (shares["lender"] < read.n).to_numpy() & (lent > 0)
    place = shares["lender"].to_numpy()[inside], shares["borrower"].to_numpy()[inside]
    shape = (read.n, read.n)
    return (
        sparse.coo_array((lent[inside], place), shape=shape).tocsr(),
        sparse.coo_array((uncovered[inside], place), shape=shape).tocsr(),
    )


def implied_receivables(invoices: pd.DataFrame, credit: pd.DataFrame) -> Vector:
    """Return what trade credit exceeds the open invoices of its pair by; it is at stake though not invoiced."""
    width = int(max(invoices["buyer"].max(), credit["buyer"].max())) + 2 if len(invoices) and len(credit) else 1
    invoiced = invoices["open"].groupby(invoices["seller"] * width + invoices["buyer"]).sum()
    of_pair = invoiced.reindex(credit["seller"] * width + credit["buyer"], fill_value=0.0).to_numpy()
    excess = credit["amount"].to_numpy(dtype=np.float64) - of_pair
    stake: Vector = np.maximum(0.0, excess)
    return stake


def guaranteed_amounts(guarantees: pd.DataFrame, shares: pd.DataFrame, balance: Vector, claims: pd.DataFrame) -> Vector:
    """Return the outstanding that each guarantee covers: of its loan, else of the debtor at the creditor, or in all.

    Parameters
    ----------
    guarantees : DataFrame
        From `guarantee_rows`.
    shares : DataFrame
        From `loan_shares`.
    balance : ndarray of shape (shares,)
        Outstanding principal of each share.
    claims : DataFrame
        From `invoice_claims`.
    """
    owed = pd.concat(
        [
            pd.DataFrame(
                {
                    "debtor": shares["borrower"],
                    "creditor": shares["lender"],
                    "amount": balance,
                }
            ),
            claims[["debtor", "creditor", "amount"]],
        ],
        ignore_index=True,
    )
    width = max(owed["creditor"].max(), guarantees["creditor"].max()) + 2 if len(owed) and len(guarantees) else 1
    by_loan = pd.Series(balance).groupby(shares["loan"]).sum()
    by_pair = owed["amount"].groupby(owed["debtor"] * width + owed["creditor"]).sum()
    by_debtor = owed["amount"].groupby(owed["debtor"]).sum()
    covered = np.where(
        guarantees["loan_id"].notna(),
        by_loan.reindex(guarantees["loan"]).to_numpy(),
        np.where(
            guarantees["creditor"] >= 0,
            by_pair.reindex(guarantees["debtor"] * width + guarantees["creditor"]).to_numpy(),
            by_debtor.reindex(guarantees["debtor"]).to_numpy(),
        ),
    )
    return np.nan_to_num(covered.astype(np.float64))


def guarantee_stakes(share: Vector, cap: Vector, outstanding: Vector) -> Vector:
    """Return what each guarantor has at stake: its cap; without one its share of the outstanding that it covers.

    Examples
    --------
    >>> guarantee_stakes(np.array([1.0, 0.5]), np.array([80.0, np.inf]), np.array([100.0, 100.0])).tolist()
    [80.0, 50.0]
    """
    return np.where(np.isinf(cap), share * outstanding, cap)


def prior_trust(read: Reading, relation: Matrix, evidence: Evidence | None = None) -> Matrix:
    """Return the belief of i in j on each entry of ``relation``, as `beliefs` says.

    Parameters
    ----------
    read : Reading
        The book at a date.
    relation : csr_array of shape (n, n)
        Money that i has at stake in j.
    evidence : Evidence or None
        What payment history says; None leaves it out.
    """
    places = relation.tocoo()
    belief, _ = beliefs(read, places.row.astype(np.int64), places.col.astype(np.int64), evidence)
    return sparse.csr_array((belief, relation.indices, relation.indptr), shape=relation.shape)


def beliefs(
    read: Reading, creditor: Positions, obligor: Positions, evidence: Evidence | None = None
) -> tuple[Vector, NDArray[np.object_]]:
    """Return the belief of creditors in obligors: stated, else direct trust, else 1 - pd of the obligor, else neutral.

    Of several statements in force on one pair the latest begun counts.

    Parameters
    ----------
    read : Reading
        The book at a date.
    creditor, obligor : ndarray of shape (pairs,), int
        Positions.
    evidence : Evidence or None
        What payment history says; None leaves it out.

    Returns
    -------
    tuple of ndarray of shape (pairs,) and ndarray of shape (pairs,), object
        The belief, and where it comes from: ``stated``, ``history``, ``pd`` or ``neutral``.
    """
    entities = read.entities()
    pd_of = entities["pd"].to_numpy(dtype=np.float64, na_value=np.nan)
    unrated = np.isnan(pd_of)
    belief = np.where(unrated, NEUTRAL_TRUST, 1.0 - pd_of)[obligor]
    source = np.where(unrated, "neutral", "pd").astype(object)[obligor]
    if evidence is not None and len(evidence.trials):
        place = evidence.find(creditor, obligor)
        belief = np.where(place >= 0, evidence.trust[place], belief)
        source[place >= 0] = "history"
    stated = _stated_trust(read, creditor, obligor)
    source[~np.isnan(stated)] = "stated"
    return np.where(np.isnan(stated), belief, stated), source


def _stated_trust(read: Reading, creditor: Positions, obligor: Positions) -> Vector:
    """Return the belief that partnerships state for each pair, NaN for none."""
    rows = read.tables["partnerships"]
    stated = rows[read.in_force(rows) & rows["trust"].notna().to_numpy()]
    stated = stated.sort_values(["start", "source_file", "source_line"], kind="stable", na_position="first")
    key = read.position(stated["from_id"]) * len(read.ids) + read.position(stated["to_id"])
    last = pd.Series(stated["trust"].to_numpy(dtype=np.float64), index=key)
    last = last[~last.index.duplicated(keep="last")]
    found: Vector = last.reindex(creditor * len(read.ids) + obligor).to_numpy()
    return found


def build_influence(read: Reading) -> Influence:
    """Return how distress reflects: partnerships both ways, the mean of one's group, project parties on the company."""
    rows = read.tables["partnerships"]
    joined = rows[read.in_force(rows)]
    weight = joined["weight"].to_numpy(dtype=np.float64, na_value=0.0)
    one, other = read.position(joined["from_id"]), read.position(joined["to_id"])
    parties = read.tables["project_parties"]
    parties = parties[~is_lender(parties)]
    spv_of = read.tables["projects"].drop_duplicates("project_id").set_index("project_id")["spv_id"]
    spv = read.position(parties["project_id"].map(spv_of))
    party = read.position(parties["entity_id"])
    share = parties["share"].to_numpy(dtype=np.float64, na_value=0.0)
    direct = matrix(
        np.concatenate([weight, weight, np.where(spv == party, 0.0, share)]),
        np.concatenate([one, other, spv]),
        np.concatenate([other, one, party]),
        read.n,
    )
    group, size = _groups(read)
    row_sum: Vector = direct.sum(axis=1) + np.where(group >= 0, 1.0, 0.0)
    scale = 1.0 / np.maximum(1.0, row_sum)
    return Influence(direct=direct, group=group, group_size=size, scale=scale)


def _groups(read: Reading) -> tuple[Positions, Positions]:
    """Return the group of each entity (-1 for none or for a group of one), and the members of each group."""
    entities = read.entities()
    codes, names = pd.factorize(entities["group_id"], sort=True)
    members = np.bincount(codes[codes >= 0], minlength=len(names))
    renumbered = np.append(np.where(members > 1, np.cumsum(members > 1) - 1, -1), -1)  # the last one is for none
    return renumbered[codes].astype(np.int64), members[members > 1].astype(np.int64)


def entity_roles(read: Reading) -> Flags:
    """Return the roles of each entity, from its contracts and from what the data adds.

    Returns
    -------
    ndarray of shape (n, 8), bool
        In the order of `ROLES`.
    """
    tables = read.tables
    parties = tables["project_parties"]
    lending = is_lender(parties)
    sources: dict[str, list[pd.Series]] = {
        "borrower": [
            tables["loans"]["borrower_id"],
            tables["co_borrowers"]["entity_id"],
            tables["facilities"]["borrower_id"],
        ],
        "financier": [
            tables["loans"]["lender_id"],
            tables["loan_shares"]["lender_id"],
            tables["facilities"]["provider_id"],
            tables["invoices"]["financed_by"],
            parties["entity_id"][lending],
        ],
        "guarantor": [tables["guarantees"]["guarantor_id"]],
        "supplier": [tables["trade"]["seller_id"], tables["invoices"]["seller_id"]],
        "buyer": [tables["trade"]["buyer_id"], tables["invoices"]["buyer_id"]],
        "insurer": [tables["insurance"]["insurer_id"]],
        "project": [tables["projects"]["spv_id"]],
    }
    sources["partner"] = [
        *sources["supplier"],
        *sources["buyer"],
        tables["partnerships"]["from_id"],
        tables["partnerships"]["to_id"],
        tables["ownership"]["owner_id"],
        tables["ownership"]["owned_id"],
        parties["entity_id"][~lending],
    ]
    has = np.zeros((len(read.ids) + 1, len(ROLES)), dtype=np.bool_)  # the last row takes blanks
    for column, role in enumerate(ROLES):
        for ids in sources[role]:
            has[read.position(ids), column] = True
    entities = tables["entities"]
    added = entities[entities["roles"].notna()]
    place = read.position(added["entity_id"])
    for column, role in enumerate(ROLES):
        named = added["roles"].map(lambda names, role=role: role in names.split("|")).to_numpy(dtype=bool)
        has[place[named], column] = True
    return has[: read.n]


def exposures(
    read: Reading, owed: Matrix, guarantees: pd.DataFrame, stakes: Vector, *, lines: Lines, sales: pd.DataFrame
) -> dict[Channel, Matrix]:
    """Return what each entity loses if another fails, by channel: row = who loses, column = who fails.

    Parameters
    ----------
    read : Reading
        The book at a date.
    owed : csr_array of shape (n, n)
        Loans, invoices and trade credit, by creditor and obligor.
    guarantees : DataFrame
        From `guarantee_rows`.
    stakes : ndarray of shape (guarantees,)
        From `guarantee_stakes`.
    lines : Lines
        Financing that can be withdrawn.
    sales : DataFrame
        From `last_sales`.
    """
    granted = np.where(lines.kind == "terms", 0.0, lines.amount)  # trade credit is the supply channel's
    owned = read.tables["ownership"]
    owned = owned[read.in_force(owned)]
    joined = read.tables["partnerships"]
    joined = joined[read.in_force(joined)]
    share = owned["share_max"].fillna(owned["share_min"]).to_numpy(dtype=np.float64, na_value=0.0)
    weight = joined["weight"].to_numpy(dtype=np.float64, na_value=0.0)
    one, other = read.position(joined["from_id"]), read.position(joined["to_id"])
    return {
        "default": owed,
        "guarantee": matrix(stakes, guarantees["guarantor"].to_numpy(), guarantees["debtor"].to_numpy(), read.n),
        "supply": matrix(
            sales["amount"].to_numpy(dtype=np.float64),
            sales["buyer"].to_numpy(),
            sales["seller"].to_numpy(),
            read.n,
        ),
        "funding": matrix(granted, lines.holder, lines.giver, read.n),
        "trust": matrix(
            np.concatenate([share, weight, weight]),
            np.concatenate([read.position(owned["owner_id"]), one, other]),
            np.concatenate([read.position(owned["owned_id"]), other, one]),
            read.n,
        ),
    }
