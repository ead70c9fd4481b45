"""How an entity's row of a spread came about: every amount, by which contract, in which round, by which clause."""

import numpy as np
import pandas as pd

from graphrisk.analyzers.spread import MONEY, Asked, figure, named, nothing_withheld, without_rounding
from graphrisk.analyzers.spread_contracts import RECORDS, loss_given_default
from graphrisk.analyzers.spread_explain_notes import notes, tripped
from graphrisk.analyzers.spread_explained import Covenant, Explained, covenants, explained
from graphrisk.models.arrays import sum_at
from graphrisk.network import Network
from graphrisk.results import RESULTS, Result, Sentence


def explain(network: Network, asked: Asked, entity_id: str) -> Result:
    """Show how an entity's row of a spread came about.

    Parameters
    ----------
    network : Network
        The network.
    asked : Asked
        The spread: who does not pay, and under which assumptions.
    entity_id : str
        The entity whose row is asked about; it may be the one that does not pay.

    Returns
    -------
    Result
        Columns of ``RESULTS["spread_explain"]``: a row for each contract and round in which it changed, with what that
        round added, so that the amounts of each ``adds_to`` add up to the entity's row of the spread. Lines that are
        kept have a row of 0. For the bound of a run (``extreme="least"``) nothing is known of rounds.

    Raises
    ------
    UsageError
        If an entity is unknown, or the amount negative.
    InvalidDataError
        If cash is unknown and that is to be refused.
    NotConvergedError
        If amounts still move after the last round.

    Examples
    --------
    A owes B 1,000 and pays 200 of it; B, who has 300 of its own, then lacks 500 of the 1,000 that it owes C.

    >>> from datetime import date
    >>> from graphrisk.tables.book import Tables
    >>> from graphrisk.tables.schemas import SCHEMAS
    >>> rows = [{"entity_id": e, "kind": "company", "cash": c} for e, c in [("A", 0), ("B", 30_000), ("C", 0)]]
    >>> owed = [{"invoice_id": s, "seller_id": s, "buyer_id": b, "amount": 100_000, "issue_date": "2024-06-01",
    ...          "due_date": "2024-07-01"} for b, s in [("A", "B"), ("B", "C")]]
    >>> tables = Tables({"entities": SCHEMAS["entities"].frame(rows), "invoices": SCHEMAS["invoices"].frame(owed)})
    >>> network = Network.from_tables(tables, as_of=date(2024, 6, 30))
    >>> result = explain(network, Asked("A", overdue=800), "B")
    >>> result.rows[["record", "adds_to", "contract_id", "round", "amount"]].values.tolist()[0]
    ['withheld', 'cash_shortfall', 'B', 1, 800.0]
    """
    told = explained(network, asked, entity_id)
    promises = covenants(told)
    return Result(
        command="spread_explain",
        columns=RESULTS["spread_explain"],
        rows=_rows(told, promises),
        summary=_summary(told),
        as_of=network.as_of,
        currency=network.currency,
        parameters={**asked.parameters(network, told.posed.rules), "explain": entity_id},
        conventions=dict(network.conventions),
        tables=network.tables,
        headline=_headline(told, asked, promises),
        notes=tuple(notes(told, asked, promises)),
        detail=_detail(told, promises),
    )


def _rows(told: Explained, promises: list[Covenant]) -> pd.DataFrame:
    """Return the rows: by record, round and amount."""
    network, rows = told.network, told.shown()
    parts = told.contracts
    starts = np.r_[0, np.cumsum([len(part.id) for part in parts])]
    where = starts[rows["place"]] + rows["at"].to_numpy(dtype=np.int64)
    place = rows["place"].to_numpy(dtype=np.int64)
    other = np.concatenate([part.counterparty for part in parts])[where]
    known, of_row = np.unique(other, return_inverse=True)
    ids = np.array([told.id_of(position) for position in known.tolist()], dtype=object)
    names = np.array([*network.entities["name"].iloc[known[(known >= 0) & (known < network.n)]]], dtype=object)
    named_at = np.full(len(known), None, dtype=object)
    named_at[(known >= 0) & (known < network.n)] = names
    money = np.array([bool(part.column) for part in parts])[place]
    levels = {name: rows[name].to_numpy(dtype=np.float64) for name in ("before", "after", "amount")}
    frame = pd.DataFrame(
        {
            "record": pd.Categorical(np.array([part.record for part in parts], dtype=object)[place], RECORDS),
            "adds_to": np.array([part.column or None for part in parts], dtype=object)[place],
            "counterparty_id": ids[of_row],
            "name": named_at[of_row],
            "kind": np.concatenate([part.kind for part in parts])[where],
            "contract_id": np.concatenate([part.id for part in parts])[where],
            "date": np.concatenate([part.date for part in parts])[where],
            "round": rows["round"],
            **{name: np.where(money, level, np.nan) for name, level in levels.items()},
            "ratio_before": np.where(money, np.nan, levels["before"]),
            "ratio_after": np.where(money, np.nan, levels["after"]),
            "clause": rows["clause"],
        }
    )
    frame = pd.concat([frame, _covenant_rows(promises, frame)], ignore_index=True)
    frame["record"] = pd.Categorical(frame["record"], RECORDS)
    order = frame.assign(amount=-frame["amount"].round(6)).sort_values(
        ["record", "round", "amount", "counterparty_id", "contract_id"], kind="stable", na_position="last"
    )
    return pd.DataFrame(frame.loc[order.index].reset_index(drop=True))


def _covenant_rows(promises: list[Covenant], like: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each covenant, with the columns and types of other rows."""
    rows = [
        {
            "record": "covenant",
            "kind": "covenant",
            "contract_id": promise.id,
            "ratio_before": promise.before,
            "ratio_after": promise.after,
            "clause": promise.clause,
        }
        for promise in promises
    ]
    return pd.DataFrame(rows, columns=like.columns).astype(like.dtypes.drop("record").to_dict())


def _summary(told: Explained) -> dict[str, object]:
    """Return the entity's row of the spread, and the figures of the whole run."""
    found, entity = without_rounding(told.found), told.entity
    first = int(found.first_round[entity])
    return {
        "entity_id": str(told.network.ids[entity]),
        "first_round": first if first >= 0 else None,
        **{name: told.row(name) for name in MONEY},
        "defaulted": bool(found.defaulted[entity]),
        "overdue_total": found.withheld,
        "first_round_loss": figure(found.first_round_loss),
        "amplification": figure(found.amplification),
        "rounds": found.rounds,
        "certificate": found.certificate,
        "vanished": found.vanished,
        "absorbed_outside": found.absorbed_outside,
    }


def _headline(told: Explained, asked: Asked, promises: list[Covenant]) -> tuple[Sentence, ...]:
    """Return the entity's row in one sentence; where no loss reaches it, what else does."""
    subject, entity = told.posed.subject, told.entity
    fields = {**named(told.network, entity), "subject": named(told.network, subject)["entity"]}
    amounts = {name: told.row(name) for name in MONEY}
    if not any(amounts.values()) and not told.found.withheld:
        return (nothing_withheld(told.posed, asked, told.found),)
    if subject != entity and not any(amounts.values()):
        what = tuple(tripped(told, promises))
        if what:
            return (Sentence("explain_spread_only", {**fields, "what": what}),)
        return (Sentence("explain_spread_nothing", fields),)
    code = "explain_spread_own" if subject == entity else "explain_spread_headline"
    return (Sentence(code, {**fields, **amounts, "overdue_total": told.found.withheld}),)


def _detail(told: Explained, promises: list[Covenant]) -> dict[str, object]:
    """Return the numbers behind each row, enough to work it out by hand."""
    return {
        "lines": _lines(told),
        "given": _given(told),
        "guarantees": _guarantees(told),
        "credit": _credit(told),
        "distrust": _distrust(told),
        "projects": _projects(told),
        "covenants": [promise.shown() for promise in promises],
        "instalments": _instalments(told),
        "reactions": told.posed.rules.shown(),
    }


def _lines(told: Explained) -> list[dict[str, object]]:
    """Return each line of the entity with all that its tests compare."""
    lines, tests = told.lines, told.line_tests
    system, rules = told.posed.system, told.posed.behaviour
    kept = told.found.run.kept[lines.position]
    return [
        {
            "contract_id": told.network.lines.id[at] or None,
            "kind": told.line_kind(at),
            "giver": told.id_of(int(lines.giver[k])),
            "amount": float(system.line_amount[at]),
            "kept_before": float(told.found.baseline.kept[at]),
            "kept": float(kept[k]),
            "clause": tests.clause[k],
            "threshold": told.threshold(at),
            "unpaid_elsewhere": float(tests.unpaid_elsewhere[k]),
            "recourse": bool(system.line_recourse[at]),
            "cancellable": bool(system.line_cancellable[at]),
            "follows": told.id_of(int(lines.follows[k])),
            "distrust": float(tests.distrust[k]),
            "table": lines.table[k],
            "points": rules.points[rules.of_line[at]].tolist(),
            "kept_by_table": float(tests.by_table[k]),
            "giver_loss": float(tests.loss[k]),
            "giver_equity": figure(float(np.append(system.equity, np.nan)[min(lines.giver[k], system.n)])),
            "kept_by_capacity": float(tests.able[k]),
        }
        for k, at in enumerate(lines.position.tolist())
    ]


def _given(told: Explained) -> list[dict[str, object]]:
    """Return the lines that the entity itself gives, and cuts."""
    return [
        {
            "contract_id": told.network.lines.id[at] or None,
            "kind": told.line_kind(at),
            "holder": told.id_of(int(told.network.lines.holder[at])),
            "amount": float(told.network.lines.amount[at]),
            "withdrawn": amount,
        }
        for at, amount in told.withdrawn().items()
    ]


def _guarantees(told: Explained) -> list[dict[str, object]]:
    """Return the guarantees that reach the entity or are its own, with what each call was limited by."""
    system, guarantees, shares = told.posed.system, told.network.guarantees, told.guarantees
    calls, before = shares.at(told.end), shares.at(told.start)
    told_of = {*shares.reaching.tolist(), *shares.paid_by_entity.tolist()}
    return [
        {
            "guarantee_id": guarantees.id[shares.in_network[k]],
            "guarantor": told.id_of(int(guarantees.guarantor[shares.in_network[k]])),
            "debtor": told.id_of(int(guarantees.debtor[shares.in_network[k]])),
            "unpaid": float(calls.unpaid[k]),
            "left_by_others": float(calls.still[k]),
            "share": float(system.guarantee_share[member]),
            "cap": None if np.isinf(system.guarantee_cap[member]) else float(system.guarantee_cap[member]),
            "paid_before": float(told.found.baseline.called[member]),
            "paid": float(told.found.run.called[member]),
            "received_before": float(before.received[k]),
            "received": float(calls.received[k]),
            "clause": calls.bound[k],
        }
        for k, member in enumerate(shares.member.tolist())
        if k in told_of
    ]


def _credit(told: Explained) -> list[dict[str, object]]:
    """Return the loans of the entity to those that newly default, and what is lost of each."""
    shares, found = told.focus.shares, told.found
    newly = found.defaulted.astype(np.int64) != found.defaulted_before
    mine = shares[(shares["lender"] == told.entity).to_numpy() & newly[shares["borrower"]]]
    lost = loss_given_default(told.focus)
    return [
        {
            "loan_id": row.loan_id,
            "borrower": told.id_of(row.borrower),
            "balance": float(row.lent),
            "uncovered": float(row.uncovered),
            "loss_given_default": float(lost[row.borrower]),
            "overdue_ratio_before": float(found.baseline.overdue_ratio[row.borrower]),
            "overdue_ratio": float(found.run.overdue_ratio[row.borrower]),
        }
        for row in mine.itertuples(index=False)
    ]


def _distrust(told: Explained) -> dict[str, object]:
    """Return how distrust in the entity came about: by its own overdue ratio, and by those who reflect on it."""
    return {
        "before": float(told.found.baseline.distrust[told.entity]),
        "after": float(told.found.run.distrust[told.entity]),
        "overdue_ratio": float(told.found.run.overdue_ratio[told.entity]),
        "own": told.own_distrust,
        "delta": told.posed.behaviour.delta,
        "reflected": [
            {
                "entity_id": told.id_of(other),
                "weight": weight,
                "distrust": z,
                "part": told.posed.behaviour.delta * weight * z,
            }
            for other, weight, z in told.reflections()
        ],
    }


def _projects(told: Explained) -> list[dict[str, object]]:
    """Return the projects of the entity with their tests, and the parties that are late."""
    projects = told.network.projects
    (part,) = (every for every in told.contracts if every.record == "project")
    positions = pd.Index(projects.id).get_indexer(pd.Index(part.id)).tolist()
    before, after = part.level(told.start), part.level(told.end)
    late = told.found.run.overdue_ratio[projects.party] > 0
    lost = sum_at(projects.party_project, projects.party_share * late, len(projects.id))
    return [
        {
            "project_id": projects.id[k],
            "dscr_before": figure(float(before[place])),
            "dscr_after": figure(float(after[place])),
            "cfads": figure(float(projects.cfads[k])),
            "debt_service": figure(float(projects.debt_service[k])),
            "cfads_lost": told.posed.behaviour.cfads_lost,
            "late_share": float(lost[k]),
            "late_parties": sorted(
                {str(told.network.ids[p]) for p in projects.party[late & (projects.party_project == k)]}
            ),
            "dscr_lockup": figure(float(projects.dscr_lockup[k])),
            "dscr_default": figure(float(projects.dscr_default[k])),
            "major_party_share": figure(float(projects.major_party_share[k])),
            "clause": part.clause(told.end)[place],
        }
        for place, k in enumerate(positions)
    ]


def _instalments(told: Explained) -> list[dict[str, object]]:
    """Return the unpaid instalments within the horizon of the loans that rows tell of, the lender's share of each."""
    read, shares = told.focus.read, told.focus.shares
    rows = read.ledger.instalments
    unpaid = (rows["principal_unpaid"] + rows["interest_unpaid"] > 0) & (rows["due_date"] <= read.until)
    parts = pd.DataFrame(
        [(loan_id, lender) for loan_id, lenders in told.loans_told().items() for lender in sorted(lenders)],
        columns=["loan_id", "lender"],
    ).astype({"lender": "int64"})
    lent = parts.merge(shares[["loan_id", "lender", "share"]], on=["loan_id", "lender"])
    found = lent.merge(rows[unpaid], on="loan_id").reset_index(drop=True)
    currency = read.ledger.loans.set_index("loan_id")["currency"].reindex(found["loan_id"]).reset_index(drop=True)
    share = found["share"].to_numpy(dtype=np.float64)
    amounts = {name: read.money(found[f"{name}_unpaid"], currency) * share for name in ("principal", "interest")}
    return [
        {
            "loan_id": loan_id,
            "lender": told.id_of(lender),
            "share": part,
            "no": no,
            "due_date": due_date.date(),
            "principal": principal,
            "interest": interest,
        }
        for loan_id, lender, part, no, due_date, principal, interest in zip(
            found["loan_id"],
            found["lender"].tolist(),
            share.tolist(),
            found["no"].tolist(),
            found["due_date"],
            amounts["principal"].tolist(),
            amounts["interest"].tolist(),
            strict=True,
        )
    ]
