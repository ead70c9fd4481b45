"""Small books for the tests of the spread: rows in currency units, an entity or an invoice a line."""

from datetime import date

from graphrisk.network import Network
from graphrisk.tables.book import Tables
from graphrisk.tables.schemas import SCHEMAS

AS_OF = date(2024, 6, 30)


def entity(entity_id: str, cash: int | None = 0, **more) -> dict:
    return {"entity_id": entity_id, "kind": "company", "cash": None if cash is None else cash * 100, **more}


def owes(debtor: str, creditor: str, amount: float, **more) -> dict:
    row = {
        "invoice_id": f"{debtor}{creditor}",
        "seller_id": creditor,
        "buyer_id": debtor,
        "amount": round(amount * 100),
    }
    return {**row, "issue_date": "2024-06-01", "due_date": "2024-07-01", **more}


def tables_of(entities: list[dict], **tables: list[dict]) -> Tables:
    tables["entities"] = entities
    if "loans" in tables:
        tables.setdefault("payments", [])
    return Tables({name: SCHEMAS[name].frame(rows) for name, rows in tables.items()})


def network(entities: list[dict], **tables: list[dict]) -> Network:
    return Network.from_tables(tables_of(entities, **tables), as_of=AS_OF, horizon_days=30)


def rows(result) -> dict[str, dict]:
    return result.rows.set_index("entity_id").to_dict("index")


def chain() -> Network:
    """A owes B 1,000, B owes C 1,000, B has 300."""
    return network([entity("A"), entity("B", 300), entity("C")], invoices=[owes("A", "B", 1000), owes("B", "C", 1000)])
