"""What entities have at stake in each other: balances, relations, trust, influence, exposure by channel, roles."""

import numpy as np
import pandas as pd
from scipy import sparse

from graphrisk.network.arrays import Channel, Flags, Influence, Lines, Matrix, Positions, Vector
from graphrisk.network.contracts import is_lender
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


def loan_balances(read: Reading, shares: pd.DataFrame) -> tuple[Matrix, Matrix]:
    """Return outstanding principal by lender and borrower, and what collateral leaves uncovered of it.

    Both have the same entries, 0 where collateral covers all. Collateral comes off its own loan first, value less
    haircut, before the loan is split among its lenders.
    """
    loans = read.ledger.loans
    outstanding = read.money(loans["outstanding_principal"], loans["currency"])
    pledged = read.tables["collateral"]
    currency = pd.Series(loans["currency"].to_numpy(), index=loans["loan_id"]).reindex(pledged["loan_id"])
    value = read.money(pledged["value"], currency.reset_index(drop=True))
    haircut = pledged["haircut"].to_numpy(dtype=np.float64, na_value=0.0)
    cover = pd.Series(value * (1 - haircut), index=pledged["loan_id"]).groupby(level=0).sum()
    open_part = np.maximum(0.0, outstanding - cover.reindex(loans["loan_id"]).fillna(0.0).to_numpy())
    lent = outstanding[shares["loan"]] * shares["share"].to_numpy()
    inside = (shares["lender"] < read.n).to_numpy() & (lent > 0)
    place = shares["lender"].to_numpy()[inside], shares["borrower"].to_numpy()[inside]
    uncovered = (open_part[shares["loan"]] * shares["share"].to_numpy())[inside]
    shape = (read.n, read.n)
    return (
        sparse.coo_array((lent[inside], place), shape=shape).tocsr(),
        sparse.coo_array((uncovered, place), shape=shape).tocsr(),
    )


def implied_receivables(invoices: pd.DataFrame, credit: pd.DataFrame) -> Vector:
    """Return what trade credit exceeds the open invoices of its pair by; it is at stake though not invoiced."""
    invoiced = invoices.groupby(["seller", "buyer"])["open"].sum()
    pairs = pd.MultiIndex.from_arrays([credit["seller"], credit["buyer"]])
    excess = credit["amount"].to_numpy(dtype=np.float64) - invoiced.reindex(pairs).fillna(0.0).to_numpy()
    stake: Vector = np.maximum(0.0, excess)
    return stake


def guarantee_stakes(guarantees: pd.DataFrame, shares: pd.DataFrame, balance: Vector, claims: pd.DataFrame) -> Vector:
    """Return what each guarantor has at stake: its cap; without one its share of the outstanding that it covers.

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
                    "loan_id": shares["loan_id"],
                    "debtor": shares["borrower"],
                    "creditor": shares["lender"],
                    "amount": balance,
                }
            ),
            claims[["debtor", "creditor", "amount"]],
        ],
        ignore_index=True,
    )
    by_loan = owed.groupby("loan_id")["amount"].sum()
    by_pair = owed.groupby(["debtor", "creditor"])["amount"].sum()
    by_debtor = owed.groupby("debtor")["amount"].sum()
    pair = pd.MultiIndex.from_arrays([guarantees["debtor"], guarantees["creditor"]])
    covered = np.where(
        guarantees["loan_id"].notna(),
        by_loan.reindex(guarantees["loan_id"]).to_numpy(),
        np.where(
            guarantees["creditor"] >= 0,
            by_pair.reindex(pair).to_numpy(),
            by_debtor.reindex(guarantees["debtor"]).to_numpy(),
        ),
    )
    cap = guarantees["cap"].to_numpy()
    return np.where(np.isinf(cap), guarantees["share"].to_numpy() * np.nan_to_num(covered.astype(np.float64)), cap)


def prior_trust(read: Reading, relation: Matrix) -> Matrix:
    """Return the belief of i in j on each entry of ``relation``: stated, else 1 - pd of j, else neutral.

    Of several statements in force on one pair the latest begun counts.
    """
    entities = read.tables["entities"].set_index("entity_id").reindex(read.ids[: read.n])
    pd_of = entities["pd"].to_numpy(dtype=np.float64, na_value=np.nan)
    general = np.where(np.isnan(pd_of), NEUTRAL_TRUST, 1.0 - pd_of)
    places = relation.tocoo()
    belief = general[places.col]
    rows = read.tables["partnerships"]
    stated = rows[read.in_force(rows) & rows["trust"].notna().to_numpy()]
    stated = stated.sort_values(["start", "source_file", "source_line"], kind="stable", na_position="first")
    key = read.position(stated["from_id"]) * len(read.ids) + read.position(stated["to_id"])
    last = pd.Series(stated["trust"].to_numpy(dtype=np.float64), index=key)
    last = last[~last.index.duplicated(keep="last")]
    found = last.reindex(places.row.astype(np.int64) * len(read.ids) + places.col).to_numpy()
    belief = np.where(np.isnan(found), belief, found)
    return sparse.csr_array((belief, relation.indices, relation.indptr), shape=relation.shape)


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
    entities = read.tables["entities"].set_index("entity_id").reindex(read.ids[: read.n])
    codes, names = pd.factorize(entities["group_id"], sort=True)
    members = np.bincount(codes[codes >= 0], minlength=len(names))
    renumbered = np.cumsum(members > 1) - 1
    group = np.where(
        (codes >= 0) & (members[codes] > 1) if len(names) else False,
        renumbered[codes] if len(names) else -1,
        -1,
    )
    return group.astype(np.int64), members[members > 1].astype(np.int64)


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
        has[read.position(pd.concat(sources[role])), column] = True
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
