"""Contracts as arrays: what falls due, which financing can be withdrawn, who guarantees what, which projects draw."""

import numpy as np
import pandas as pd

from graphrisk.network.arrays import Flags, Guarantees, Items, Lines, Projects, Vector
from graphrisk.network.reading import Reading, flags


def loan_shares(read: Reading) -> pd.DataFrame:
    """Return who lent which share of each loan on the book.

    Parameters
    ----------
    read : Reading
        The book at a date.

    Returns
    -------
    DataFrame
        loan (position in the ledger's loans), loan_id, borrower, lender (positions), share. What ``loan_shares``
        leaves of 1 is the lender's. A loan of a borrower outside the data is left out.
    """
    loans = read.ledger.loans
    base = pd.DataFrame(
        {
            "loan": np.arange(len(loans)),
            "loan_id": loans["loan_id"].to_numpy(),
            "borrower": read.position(loans["borrower_id"]),
            "lender": read.position(loans["lender_id"]),
        }
    )
    base = base[loans["on_book"].to_numpy(dtype=bool) & (base["borrower"] < read.n).to_numpy()]
    given = read.tables["loan_shares"]
    parts = base.drop(columns="lender").merge(
        pd.DataFrame(
            {
                "loan_id": given["loan_id"].to_numpy(),
                "lender": read.position(given["lender_id"]),
                "share": given["share"].to_numpy(dtype=np.float64, na_value=0.0),
            }
        ),
        on="loan_id",
    )
    lent = parts.groupby("loan")["share"].sum().reindex(base["loan"], fill_value=0.0).to_numpy()
    rest = base.assign(share=np.maximum(0.0, 1.0 - lent))
    both = pd.concat([parts, rest[rest["share"] > 1e-12]], ignore_index=True)  # noqa: PLR2004 -- rounding of shares
    keys = ["loan", "loan_id", "borrower", "lender"]
    return both.groupby(keys, sort=True)["share"].sum().reset_index()


def loan_dues(read: Reading) -> tuple[Vector, Vector]:
    """Return what each loan of the ledger owes within the horizon, and the part of it past due.

    Unpaid principal and interest of instalments due by the last day. An accelerated loan owes its whole outstanding
    and the unpaid interest due by the date, all of it past due.
    """
    loans, rows = read.ledger.loans, read.ledger.instalments
    loan = pd.Index(loans["loan_id"]).get_indexer(pd.Index(rows["loan_id"]))
    unpaid = (rows["principal_unpaid"] + rows["interest_unpaid"]).to_numpy(dtype=np.int64)
    interest = rows["interest_unpaid"].to_numpy(dtype=np.int64)
    by_end = (rows["due_date"] <= read.until).to_numpy()
    by_now = ((rows["due_date"] <= read.as_of) & (rows["kind"] != "acceleration")).to_numpy()
    past = rows["past_due"].to_numpy(dtype=bool)

    def total(amount: np.ndarray, where: np.ndarray) -> np.ndarray:
        sums = np.zeros(len(loans), dtype=np.int64)
        np.add.at(sums, loan[where], amount[where])
        return sums

    called = loans["accelerated"].to_numpy(dtype=bool)
    outstanding = loans["outstanding_principal"].to_numpy(dtype=np.int64, na_value=0)
    whole = outstanding + total(interest, by_now)
    due = np.where(called, whole, total(unpaid, by_end))
    overdue = np.where(called, whole, total(unpaid, past & by_end))
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
            "invoice_id": rows["invoice_id"].to_numpy(),
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
    loans = pd.DataFrame(
        {
            "kind": "loan",
            "id": shares["loan_id"],
            "debtor": shares["borrower"],
            "creditor": shares["lender"],
            "due": due[shares["loan"]] * shares["share"],
            "overdue": overdue[shares["loan"]] * shares["share"],
        }
    )
    owed = claims[(claims["due_date"] <= read.until) & ~claims["disputed"] & (claims["debtor"] < read.n)]
    late = (owed["due_date"] < read.as_of).to_numpy()
    invoices = pd.DataFrame(
        {
            "kind": "invoice",
            "id": owed["invoice_id"],
            "debtor": owed["debtor"],
            "creditor": owed["creditor"],
            "due": owed["amount"],
            "overdue": np.where(late, owed["amount"], 0.0),
        }
    )
    every = pd.concat([loans, invoices], ignore_index=True)
    every = every[(every["due"] > 0) & (every["debtor"] != every["creditor"])]
    return Items(
        kind=every["kind"].to_numpy(dtype=object),
        id=every["id"].to_numpy(dtype=object),
        debtor=every["debtor"].to_numpy(dtype=np.int64),
        creditor=every["creditor"].to_numpy(dtype=np.int64),
        due=every["due"].to_numpy(dtype=np.float64),
        overdue=every["overdue"].to_numpy(dtype=np.float64),
    )


def _lines(kind: str, n: int, columns: dict[str, object], size: int) -> pd.DataFrame:
    """Return a frame of lines in which what is not said has its usual value."""
    usual: dict[str, object] = {
        "kind": kind,
        "id": "",
        "cancellable": True,
        "threshold": np.inf,
        "recourse": False,
        "project": -1,
    }
    frame = pd.DataFrame({**usual, **columns}, index=range(size))
    if "follows" not in columns:
        frame["follows"] = frame["holder"]
    apart = frame["giver"] != frame["holder"]
    return frame[(frame["amount"] > 0) & (frame["holder"] < n) & (frame["holder"] >= 0) & apart]


def undrawn_lines(read: Reading) -> pd.DataFrame:
    """Return the undrawn part of each facility that has not expired."""
    rows = read.tables["facilities"]
    loans = read.ledger.loans
    on_book = loans[loans["on_book"].to_numpy(dtype=bool)]
    lent = pd.Series(read.money(on_book["outstanding_principal"], on_book["currency"]), index=on_book["facility_id"])
    of_loans = lent.groupby(level=0).sum().reindex(rows["facility_id"]).fillna(0.0).to_numpy()
    drawn = read.money(rows["drawn"], rows["currency"])
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


def rolled_lines(read: Reading, invoices: pd.DataFrame) -> pd.DataFrame:
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
    year = pd.to_numeric(rows["period"].str[:4])
    month = pd.to_numeric(rows["period"].str[5:7], errors="coerce")
    begin = pd.to_datetime(
        pd.DataFrame({"year": year, "month": month.fillna(1).astype("int64"), "day": 1}), errors="coerce"
    ).astype("datetime64[s]")
    days = np.where(month.notna(), begin.dt.days_in_month, np.where(begin.dt.is_leap_year, 366, 365))
    terms = rows["terms_days"].to_numpy(dtype=np.float64, na_value=0.0)
    frame = pd.DataFrame(
        {
            "seller": read.position(rows["seller_id"]),
            "buyer": read.position(rows["buyer_id"]),
            "product": rows["product"].fillna("").to_numpy(),
            "period": rows["period"].to_numpy(),
            "begin": begin.to_numpy(),
            "amount": read.money(rows["amount"], rows["currency"]),
            "credit": read.money(rows["amount"], rows["currency"]) / days * terms,
        }
    )
    frame = frame[frame["begin"] <= read.as_of].sort_values(["begin", "period"], kind="stable")
    keys = ["seller", "buyer", "product"]
    last = frame.groupby(keys)["period"].transform("last")
    return frame[frame["period"] == last][["seller", "buyer", "amount", "credit"]]


def trade_credit(sales: pd.DataFrame) -> pd.DataFrame:
    """Return the trade credit of each pair: seller, buyer (positions), amount.

    Parameters
    ----------
    sales : DataFrame
        From `last_sales`.
    """
    totals = sales.groupby(["seller", "buyer"], sort=True)["credit"].sum()
    return totals[totals > 0].rename("amount").reset_index()


def terms_lines(read: Reading, credit: pd.DataFrame) -> pd.DataFrame:
    """Return trade credit as lines that the seller gives the buyer."""
    columns: dict[str, object] = {
        "giver": credit["seller"].to_numpy(),
        "holder": credit["buyer"].to_numpy(),
        "amount": credit["amount"].to_numpy(),
    }
    return _lines("terms", read.n, columns, len(credit))


def project_lines(read: Reading, projects: Projects) -> pd.DataFrame:
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
    every = pd.concat(
        [
            frame.sort_values(["holder", "giver", "id"], kind="stable")
            for frame in (
                undrawn_lines(read),
                rolled_lines(read, invoices),
                terms_lines(read, credit),
                project_lines(read, projects),
            )
        ],
        ignore_index=True,
    )
    return Lines(
        kind=every["kind"].to_numpy(dtype=object),
        id=every["id"].to_numpy(dtype=object),
        giver=every["giver"].to_numpy(dtype=np.int64),
        holder=every["holder"].to_numpy(dtype=np.int64),
        amount=every["amount"].to_numpy(dtype=np.float64),
        follows=every["follows"].to_numpy(dtype=np.int64),
        cancellable=every["cancellable"].to_numpy(dtype=bool),
        threshold=every["threshold"].to_numpy(dtype=np.float64),
        recourse=every["recourse"].to_numpy(dtype=bool),
        project=every["project"].to_numpy(dtype=np.int64),
    )


def guarantee_astray(read: Reading) -> Flags:
    """Return which rows of ``guarantees`` name a loan that is unknown or another borrower's."""
    rows = read.tables["guarantees"]
    loans = read.tables["loans"].drop_duplicates("loan_id").set_index("loan_id")["borrower_id"]
    borrower = rows["loan_id"].map(loans)
    return (rows["loan_id"].notna() & (borrower.isna() | (borrower != rows["debtor_id"]))).to_numpy(dtype=bool)


def guarantee_rows(read: Reading) -> pd.DataFrame:
    """Return the guarantees in force, in the order of their ids.

    In force: active, begun and not ended, the claim period open. A guarantor or debtor outside the data, an amount
    of 0, or a loan that is unknown or another borrower's, makes it no guarantee.

    Returns
    -------
    DataFrame
        The table's columns, and guarantor, debtor, creditor (positions), cap, share.
    """
    rows = read.tables["guarantees"]
    open_claim = rows["claim_until"].isna() | (rows["claim_until"] >= read.as_of)
    active = rows["status"].isna() | (rows["status"] == "active")
    astray = guarantee_astray(read)
    frame = rows.assign(
        guarantor=read.position(rows["guarantor_id"]),
        debtor=read.position(rows["debtor_id"]),
        creditor=read.position(rows["creditor_id"]),
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


def build_guarantees(rows: pd.DataFrame, items: Items) -> Guarantees:
    """Return guarantees and the items that each covers.

    All shares of its loan; else all that the debtor owes to its creditor; without a creditor all that it owes.
    """
    frame = pd.DataFrame(
        {
            "item": np.arange(len(items.due)),
            "debtor": items.debtor,
            "creditor": items.creditor,
            "loan_id": pd.Series(items.id, dtype="str").where(items.kind == "loan"),
        }
    )
    gs = rows[["debtor", "creditor", "loan_id"]].assign(g=np.arange(len(rows)))
    of_loan = gs["loan_id"].notna()
    of_pair = ~of_loan & (gs["creditor"] >= 0)
    of_all = ~of_loan & ~of_pair
    pairs = pd.concat(
        [
            gs[of_loan][["g", "loan_id"]].merge(frame.dropna(subset=["loan_id"]), on="loan_id"),
            gs[of_pair][["g", "debtor", "creditor"]].merge(frame, on=["debtor", "creditor"]),
            gs[of_all][["g", "debtor"]].merge(frame, on="debtor"),
        ],
        ignore_index=True,
    ).sort_values(["g", "item"], kind="stable")
    start = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(np.bincount(pairs["g"].to_numpy(dtype=np.int64), minlength=len(rows)), out=start[1:])
    return Guarantees(
        id=rows["guarantee_id"].to_numpy(dtype=object),
        kind=rows["kind"].to_numpy(dtype=object),
        guarantor=rows["guarantor"].to_numpy(dtype=np.int64),
        debtor=rows["debtor"].to_numpy(dtype=np.int64),
        share=rows["share"].to_numpy(dtype=np.float64),
        cap=rows["cap"].to_numpy(dtype=np.float64),
        cover_start=start,
        cover=pairs["item"].to_numpy(dtype=np.int64),
    )


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
