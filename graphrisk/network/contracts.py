"""Contracts as arrays: what falls due, which financing can be withdrawn, who guarantees what, which projects draw."""

from dataclasses import fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphrisk.network.arrays import Flags, Guarantees, Items, Lines, Positions, Projects, Vector
from graphrisk.network.reading import Reading, flags
from graphrisk.tables.lookup import Lookup, text_array


def loan_shares(read: Reading, *, off_book: bool = False) -> pd.DataFrame:
    """Return who lent which share of each loan on the book.

    Parameters
    ----------
    read : Reading
        The book at a date.
    off_book : bool
        Whether loans settled, written off or sold are among them.

    Returns
    -------
    DataFrame
        loan (position in the ledger's loans), loan_id, borrower, lender (positions), share. What ``loan_shares``
        leaves of 1 is the lender's. A loan of a borrower outside the data is left out.
    """
    loans = read.ledger.loans
    borrower, lender = read.position(loans["borrower_id"]), read.position(loans["lender_id"])
    loan = np.flatnonzero((loans["on_book"].to_numpy(dtype=bool) | off_book) & (borrower < read.n))
    rest = pd.DataFrame({"loan": loan, "lender": lender[loan], "share": 1.0})
    given = read.tables["loan_shares"]
    parts = pd.DataFrame(
        {
            "loan": read.loan(given["loan_id"]),
            "lender": read.position(given["lender_id"]),
            "share": given["share"].to_numpy(dtype=np.float64, na_value=0.0),
        }
    )
    parts = parts[np.isin(parts["loan"], loan)]
    if len(parts):
        lent = parts.groupby("loan")["share"].sum().reindex(loan, fill_value=0.0).to_numpy()
        rest["share"] = np.maximum(0.0, 1.0 - lent)
        rest = rest[rest["share"] > 1e-12]  # noqa: PLR2004 -- rounding of shares
        both = pd.concat([parts, rest], ignore_index=True)
        rest = both.groupby(["loan", "lender"], sort=True)["share"].sum().reset_index()
    chosen = rest["loan"].to_numpy()
    rest.insert(1, "loan_id", loans["loan_id"].array.take(chosen))
    rest.insert(2, "borrower", borrower[chosen])
    return rest


def loan_dues(read: Reading) -> tuple[Vector, Vector]:
    """Return what each loan of the ledger owes within the horizon, and the part of it past due.

    Unpaid principal and interest of instalments due by the last day. An accelerated loan owes its whole outstanding
    and the unpaid interest due by the date, all of it past due.
    """
    loans, rows = read.ledger.loans, read.ledger.instalments
    loan = read.loan(rows["loan_id"])
    unpaid = (rows["principal_unpaid"] + rows["interest_unpaid"]).to_numpy(dtype=np.int64)
    by_end = (rows["due_date"] <= read.until).to_numpy()
    past = rows["past_due"].to_numpy(dtype=bool)

    def total(amount: np.ndarray, where: np.ndarray) -> np.ndarray:
        sums = np.zeros(len(loans), dtype=np.int64)
        np.add.at(sums, loan[where], amount[where])
        return sums

    due, overdue = total(unpaid, by_end), total(unpaid, past & by_end)
    called = loans["accelerated"].to_numpy(dtype=bool)
    if called.any():
        by_now = ((rows["due_date"] <= read.as_of) & (rows["kind"] != "acceleration")).to_numpy()
        outstanding = loans["outstanding_principal"].to_numpy(dtype=np.int64, na_value=0)
        whole = outstanding + total(rows["interest_unpaid"].to_numpy(dtype=np.int64), by_now)
        due, overdue = np.where(called, whole, due), np.where(called, whole, overdue)
    currency = loans["currency"]
    return read.money(pd.Series(due), currency), read.money(pd.Series(overdue), currency)


def open_invoices(read: Reading) -> pd.DataFrame:
    """Return the invoices that are open at the date.

    Issued by then and not settled in full. ``open`` is what is left, ``advanced`` the part of it that was financed.

    Returns
    -------
    DataFrame
        invoice_id, seller, buyer, financier (positions, -1 for none), open, advanced, recourse, confirmed, disputed,
        due_date. Invoices of a buyer outside the data stay in.
    """
    rows = read.tables["invoices"]
    amount = read.money(rows["amount"], rows["currency"])
    settled = read.money(rows["settled_amount"], rows["currency"])
    settled = np.where(np.isnan(settled), np.where(rows["settled_date"].notna(), amount, 0.0), settled)
    later = (rows["settled_date"].notna() & (rows["settled_date"] > read.as_of)).to_numpy()
    left = amount - np.where(later, 0.0, settled)
    confirmed = flags(rows["confirmed"], blank=False) & ~(rows["confirmed_date"] > read.as_of).to_numpy()
    recourse = np.where(rows["recourse"].isna(), ~confirmed, flags(rows["recourse"], blank=False))
    financier = read.position(rows["financed_by"])
    rate = rows["advance_rate"].to_numpy(dtype=np.float64, na_value=1.0)
    frame = pd.DataFrame(
        {
            "invoice_id": rows["invoice_id"].array,
            "seller": read.position(rows["seller_id"]),
            "buyer": read.position(rows["buyer_id"]),
            "financier": financier,
            "open": left,
            "advanced": np.where(financier >= 0, rate * left, 0.0),
            "recourse": recourse,
            "confirmed": confirmed,
            "disputed": flags(rows["disputed"], blank=False),
            "due_date": rows["due_date"].to_numpy(),
        }
    )
    half_minor = read.money(pd.Series(0.5, index=rows.index), rows["currency"])
    keep = (rows["issue_date"] <= read.as_of).to_numpy() & (left > half_minor)
    return frame[keep].sort_values("invoice_id", kind="stable").reset_index(drop=True)


def invoice_claims(invoices: pd.DataFrame) -> pd.DataFrame:
    """Return who is owed each open invoice: invoice_id, creditor, debtor, amount.

    With recourse the seller stays creditor of the whole; without it the advanced part is the financier's.
    """
    sold = np.where(invoices["recourse"], 0.0, invoices["advanced"])
    seller = pd.DataFrame(
        {
            "invoice_id": invoices["invoice_id"],
            "creditor": invoices["seller"],
            "debtor": invoices["buyer"],
            "amount": invoices["open"] - sold,
            "due_date": invoices["due_date"],
            "disputed": invoices["disputed"],
        }
    )
    financier = seller.assign(creditor=invoices["financier"], amount=sold)
    both = pd.concat([seller, financier], ignore_index=True)
    return both[both["amount"] > 0].reset_index(drop=True)


def build_items(read: Reading, shares: pd.DataFrame, claims: pd.DataFrame) -> Items:
    """Return what falls due within the horizon, loans by share first, then invoices.

    Parameters
    ----------
    read : Reading
        The book at a date.
    shares : DataFrame
        From `loan_shares`.
    claims : DataFrame
        From `invoice_claims`.
    """
    due, overdue = loan_dues(read)
    owed = claims[(claims["due_date"] <= read.until) & ~claims["disputed"] & (claims["debtor"] < read.n)]
    late = (owed["due_date"] < read.as_of).to_numpy()
    loan, share, amount = shares["loan"].to_numpy(), shares["share"].to_numpy(), owed["amount"].to_numpy()
    kinds = np.array(["loan", "invoice"], dtype=object)
    every = Items(
        kind=np.repeat(kinds, [len(shares), len(owed)]),
        id=np.concatenate([shares["loan_id"].to_numpy(dtype=object), owed["invoice_id"].to_numpy(dtype=object)]),
        debtor=np.concatenate([shares["borrower"], owed["debtor"]]).astype(np.int64),
        creditor=np.concatenate([shares["lender"], owed["creditor"]]).astype(np.int64),
        due=np.concatenate([due[loan] * share, amount]),
        overdue=np.concatenate([overdue[loan] * share, np.where(late, amount, 0.0)]),
    )
    keep = (every.due > 0) & (every.debtor != every.creditor)
    return Items(*(getattr(every, column.name)[keep] for column in fields(every)))


#: The columns of a table of lines, as in `Lines`.
_LINE: dict[str, type] = {
    "kind": object,
    "id": object,
    "giver": np.int64,
    "holder": np.int64,
    "amount": np.float64,
    "follows": np.int64,
    "cancellable": np.bool_,
    "threshold": np.float64,
    "recourse": np.bool_,
    "project": np.int64,
}


def _lines(kind: str, n: int, columns: dict[str, object], size: int) -> dict[str, np.ndarray]:
    """Return the columns of lines by holder, giver, id; what is not said has its usual value."""
    usual: dict[str, object] = {
        "kind": kind,
        "id": "",
        "follows": columns["holder"],
        "cancellable": True,
        "threshold": np.inf,
        "recourse": False,
        "project": -1,
    }
    given = usual | columns
    lines: dict[str, np.ndarray] = {
        name: np.broadcast_to(np.asarray(given[name], dtype=dtype), size) for name, dtype in _LINE.items()
    }
    holder = lines["holder"]
    keep = np.flatnonzero((lines["amount"] > 0) & (holder < n) & (holder >= 0) & (lines["giver"] != holder))
    keep = keep[_by_pair_and_id(holder[keep], lines["giver"][keep], lines["id"][keep])]
    return {name: values[keep] for name, values in lines.items()}


def _by_pair_and_id(holder: Positions, giver: Positions, ids: NDArray[np.object_]) -> Positions:
    """Return the order by holder, giver, id; text is compared only where a pair stands twice."""
    order = np.lexsort((giver, holder))
    same = np.flatnonzero((np.diff(holder[order]) == 0) & (np.diff(giver[order]) == 0))
    if not len(same):
        return order
    rank = np.zeros(len(order), dtype=np.int64)
    tied = order[np.union1d(same, same + 1)]
    rank[tied] = pd.factorize(ids[tied], sort=True)[0]
    return np.lexsort((rank, giver, holder))


def undrawn_lines(read: Reading) -> dict[str, np.ndarray]:
    """Return the undrawn part of each facility that has not expired."""
    rows = read.tables["facilities"]
    loans = read.ledger.loans
    on_book = loans[loans["on_book"].to_numpy(dtype=bool)]
    drawn = read.money(rows["drawn"], rows["currency"])
    if np.isnan(drawn).any():
        lent = pd.Series(
            read.money(on_book["outstanding_principal"], on_book["currency"]), index=on_book["facility_id"]
        )
        of_loans = lent.groupby(level=0).sum().reindex(rows["facility_id"]).fillna(0.0).to_numpy()
        drawn = np.where(np.isnan(drawn), of_loans, drawn)
    amount = read.money(rows["limit"], rows["currency"]) - drawn
    threshold = np.nan_to_num(read.money(rows["cross_default_threshold"], rows["currency"]))
    expired = (rows["expiry"].notna() & (rows["expiry"] <= read.as_of)).to_numpy()
    columns: dict[str, object] = {
        "id": rows["facility_id"].to_numpy(),
        "giver": read.position(rows["provider_id"]),
        "holder": read.position(rows["borrower_id"]),
        "amount": np.where(expired, 0.0, amount),
        "cancellable": flags(rows["cancellable"], blank=True),
        "threshold": np.where(flags(rows["cross_default"], blank=False), threshold, np.inf),
    }
    return _lines("undrawn", read.n, columns, len(rows))


def rolled_lines(read: Reading, invoices: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the advances on open invoices, which must be rolled over."""
    financed = invoices[invoices["financier"] >= 0]
    confirmed = financed["confirmed"].to_numpy()
    columns: dict[str, object] = {
        "id": financed["invoice_id"].to_numpy(),
        "giver": financed["financier"].to_numpy(),
        "holder": financed["seller"].to_numpy(),
        "amount": financed["advanced"].to_numpy(),
        "follows": np.where(confirmed, financed["buyer"], financed["seller"]),
        "recourse": financed["recourse"].to_numpy() & ~confirmed,
    }
    return _lines("rolled", read.n, columns, len(financed))


def last_sales(read: Reading) -> pd.DataFrame:
    """Return the sales of each pair and product in their last period that has begun by the date.

    Returns
    -------
    DataFrame
        seller, buyer (positions), amount, and credit: sales of a day x days of terms.
    """
    rows = read.tables["trade"]
    code, periods = pd.factorize(rows["period"], sort=True)
    begins, lengths = _periods(pd.Series(periods, dtype="str"))
    terms = rows["terms_days"].to_numpy(dtype=np.float64, na_value=0.0)
    amount = read.money(rows["amount"], rows["currency"])
    frame = pd.DataFrame(
        {
            "seller": read.position(rows["seller_id"]),
            "buyer": read.position(rows["buyer_id"]),
            "product": pd.factorize(rows["product"].fillna(""))[0],
            "period": code,
            "begin": begins[code],
            "amount": amount,
            "credit": amount / lengths[code] * terms,
        }
    )
    frame = frame[frame["begin"] <= read.as_of].sort_values(["begin", "period"], kind="stable")
    keys = ["seller", "buyer", "product"]
    last = frame.groupby(keys)["period"].transform("last")
    return frame[frame["period"] == last][["seller", "buyer", "amount", "credit"]]


def _periods(periods: pd.Series) -> tuple[NDArray[np.datetime64], Vector]:
    """Return the first day and the length in days of months and years; last, those of a blank."""
    year = pd.to_numeric(periods.str[:4])
    month = pd.to_numeric(periods.str[5:7], errors="coerce")
    begin = pd.to_datetime(
        pd.DataFrame({"year": year, "month": month.fillna(1).astype("int64"), "day": 1}), errors="coerce"
    ).astype("datetime64[s]")
    days = np.where(month.notna(), begin.dt.days_in_month, np.where(begin.dt.is_leap_year, 366, 365))
    return np.append(begin.to_numpy(), np.datetime64("NaT")), np.append(days.astype(np.float64), np.nan)


def trade_credit(sales: pd.DataFrame) -> pd.DataFrame:
    """Return the trade credit of each pair: seller, buyer (positions), amount.

    Parameters
    ----------
    sales : DataFrame
        From `last_sales`.
    """
    totals = sales.groupby(["seller", "buyer"], sort=True)["credit"].sum()
    return totals[totals > 0].rename("amount").reset_index()


def terms_lines(read: Reading, credit: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return trade credit as lines that the seller gives the buyer."""
    columns: dict[str, object] = {
        "giver": credit["seller"].to_numpy(),
        "holder": credit["buyer"].to_numpy(),
        "amount": credit["amount"].to_numpy(),
    }
    return _lines("terms", read.n, columns, len(credit))


def project_lines(read: Reading, projects: Projects) -> dict[str, np.ndarray]:
    """Return what each lender of a project has promised and not yet lent."""
    rows = read.tables["projects"]
    left = read.money(rows["debt_committed"]) - np.nan_to_num(read.money(rows["debt_drawn"]))
    undrawn = pd.Series(np.nan_to_num(left), index=rows["project_id"])
    parties = read.tables["project_parties"]
    lenders = parties[is_lender(parties)]
    project = pd.Index(projects.id).get_indexer(pd.Index(lenders["project_id"])).astype(np.int64)
    found = project >= 0
    lenders, project = lenders[found], project[found]
    share = lenders["share"].to_numpy(dtype=np.float64, na_value=0.0)
    columns: dict[str, object] = {
        "id": lenders["project_id"].to_numpy(),
        "giver": read.position(lenders["entity_id"]),
        "holder": projects.spv[project],
        "amount": undrawn.reindex(lenders["project_id"]).to_numpy() * share,
        "project": project,
    }
    return _lines("project", read.n, columns, len(lenders))


def build_lines(read: Reading, invoices: pd.DataFrame, credit: pd.DataFrame, projects: Projects) -> Lines:
    """Return all lines: undrawn, rolled, terms, project, each by holder, giver, id."""
    parts = (
        undrawn_lines(read),
        rolled_lines(read, invoices),
        terms_lines(read, credit),
        project_lines(read, projects),
    )
    return Lines(**{name: np.concatenate([part[name] for part in parts]) for name in _LINE})


def guarantee_astray(read: Reading) -> Flags:
    """Return which rows of ``guarantees`` name a loan that is unknown or another borrower's."""
    rows, loans = read.tables["guarantees"], read.tables["loans"]
    loan = Lookup(pd.Index(loans["loan_id"])).positions(text_array(rows["loan_id"]))
    borrower = np.append(read.position(loans["borrower_id"]), -1)[loan]
    stray: Flags = (borrower < 0) | (borrower != read.position(rows["debtor_id"]))
    return stray & rows["loan_id"].notna().to_numpy()


def guarantee_rows(read: Reading) -> pd.DataFrame:
    """Return the guarantees in force, in the order of their ids.

    In force: active, begun and not ended, the claim period open. A guarantor or debtor outside the data, an amount
    of 0, or a loan that is unknown or another borrower's, makes it no guarantee.

    Returns
    -------
    DataFrame
        The table's columns, and guarantor, debtor, creditor (positions), loan (position in the ledger's), cap, share.
    """
    rows = read.tables["guarantees"]
    open_claim = rows["claim_until"].isna() | (rows["claim_until"] >= read.as_of)
    active = rows["status"].isna() | (rows["status"] == "active")
    astray = guarantee_astray(read)
    frame = rows.assign(
        guarantor=read.position(rows["guarantor_id"]),
        debtor=read.position(rows["debtor_id"]),
        creditor=read.position(rows["creditor_id"]),
        loan=read.loan(rows["loan_id"]),
        cap=np.nan_to_num(read.money(rows["amount"]), nan=np.inf),
        kind=rows["kind"].fillna("general"),
    )
    inside = (frame["guarantor"] < read.n) & (frame["debtor"] < read.n)
    keep = active & open_claim & ~astray & inside & (frame["cap"] > 0) & read.in_force(rows)
    frame = frame[keep.to_numpy(dtype=bool)].sort_values("guarantee_id", kind="stable")
    several = frame["kind"] == "several"
    # A loan decides the cover alone, whatever creditor stands beside it.
    cover = frame[["debtor_id", "creditor_id", "loan_id"]].assign(
        creditor_id=frame["creditor_id"].where(frame["loan_id"].isna()), guarantee_id=frame["guarantee_id"]
    )[several]
    count = cover.groupby(["debtor_id", "creditor_id", "loan_id"], dropna=False)["guarantee_id"].transform("size")
    share = np.ones(len(frame))
    given = frame.loc[several, "share"].to_numpy(dtype=np.float64, na_value=np.nan)
    share[several.to_numpy()] = np.where(np.isnan(given), 1.0 / count.to_numpy(dtype=np.float64), given)
    return frame.assign(share=share).reset_index(drop=True)


def build_guarantees(rows: pd.DataFrame, items: Items, outstanding: Vector) -> Guarantees:
    """Return guarantees and the items that each covers.

    All shares of its loan; else all that the debtor owes to its creditor; without a creditor all that it owes.

    Parameters
    ----------
    rows : DataFrame
        From `guarantee_rows`.
    items : Items
        What falls due within the horizon.
    outstanding : ndarray of shape (guarantees,)
        What each covers, due or not.
    """
    start, cover = _covers(rows, items)
    return Guarantees(
        id=rows["guarantee_id"].to_numpy(dtype=object),
        kind=rows["kind"].to_numpy(dtype=object),
        guarantor=rows["guarantor"].to_numpy(dtype=np.int64),
        debtor=rows["debtor"].to_numpy(dtype=np.int64),
        share=rows["share"].to_numpy(dtype=np.float64),
        cap=rows["cap"].to_numpy(dtype=np.float64),
        outstanding=outstanding,
        cover_start=start,
        cover=cover,
    )


def _covers(rows: pd.DataFrame, items: Items) -> tuple[Positions, Positions]:
    """Return where the covered items of each guarantee begin, and the items."""
    is_loan = items.kind == "loan"
    code, ids = pd.factorize(items.id[is_loan])
    loan_of_item = np.full(len(items.due), -1, dtype=np.int64)
    loan_of_item[is_loan] = code
    loan = Lookup(pd.Index(ids, dtype="str")).positions(text_array(rows["loan_id"]))
    named = rows["loan_id"].notna().to_numpy()
    debtor, creditor = rows["debtor"].to_numpy(), rows["creditor"].to_numpy()
    width = int(max(items.creditor.max(initial=0), creditor.max(initial=0))) + 2
    joins = (
        (named & (loan >= 0), loan, loan_of_item),
        (~named & (creditor >= 0), debtor * width + creditor, items.debtor * width + items.creditor),
        (~named & (creditor < 0), debtor, items.debtor),
    )
    guarantee, item = [], []
    for where, wanted, of_item in joins:
        chosen, order = np.flatnonzero(where), np.argsort(of_item, kind="stable")
        first, last = (np.searchsorted(of_item[order], wanted[chosen], side) for side in ("left", "right"))
        count = last - first
        before = np.cumsum(count) - count
        guarantee.append(np.repeat(chosen, count))
        item.append(order[np.repeat(first - before, count) + np.arange(count.sum())])
    owner = np.concatenate(guarantee)
    start = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=len(rows)), out=start[1:])
    return start, np.concatenate(item)[np.argsort(owner, kind="stable")]


def is_lender(parties: pd.DataFrame) -> pd.Series:
    """Return which project parties are lenders."""
    return parties["role"].str.lower() == "lender"


def build_projects(read: Reading) -> Projects:
    """Return the projects whose company is in the data, with their parties that are no lenders."""
    rows = read.tables["projects"].sort_values("project_id", kind="stable")
    spv = read.position(rows["spv_id"])
    rows, spv = rows[spv < read.n], spv[spv < read.n]

    def level(name: str) -> Vector:
        return rows[name].to_numpy(dtype=np.float64, na_value=np.nan)

    def switched(figure: Vector) -> Vector:
        return np.where(figure == 0, np.nan, figure)

    parties = read.tables["project_parties"]
    parties = parties[~is_lender(parties)].sort_values(["project_id", "entity_id", "role"], kind="stable")
    project = pd.Index(rows["project_id"]).get_indexer(pd.Index(parties["project_id"])).astype(np.int64)
    party = read.position(parties["entity_id"])
    known = (project >= 0) & (party < read.n)
    return Projects(
        id=rows["project_id"].to_numpy(dtype=object),
        spv=spv,
        cfads=switched(read.money(rows["cfads"])),
        debt_service=switched(read.money(rows["debt_service"])),
        dscr_lockup=switched(level("dscr_lockup")),
        dscr_default=switched(level("dscr_default")),
        major_party_share=switched(level("major_party_share")),
        party_project=project[known],
        party=party[known],
        party_share=parties["share"].to_numpy(dtype=np.float64, na_value=0.0)[known],
    )
