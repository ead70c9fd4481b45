"""The tables that graphrisk reads, column by column."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from graphrisk.results import RESULTS, Result, ResultColumn
from graphrisk.tables.schemas import SCHEMAS, Column, Schema


def tables(names: Iterable[str] = (), aliases: Mapping[str, Mapping[str, Sequence[str]]] | None = None) -> Result:
    """Describe tables.

    Parameters
    ----------
    names : iterable of str
        Which ones; none for all.
    aliases : mapping of str to mapping of str to sequence of str, optional
        Other headers by table and column; given, they are one more column.

    Returns
    -------
    Result
        One row a column, in the order of the schemas.

    Examples
    --------
    >>> tables(["fx"]).rows["column"].tolist()
    ['date', 'currency', 'base', 'rate']
    """
    chosen = list(names)
    schemas = [SCHEMAS[name] for name in chosen] if chosen else list(SCHEMAS.values())
    columns = RESULTS["tables"]
    if aliases is not None:
        columns += (ResultColumn("aliases", "list"),)
    rows = [
        _row(schema, column, (aliases or {}).get(schema.name, {})) for schema in schemas for column in schema.columns
    ]
    return Result(
        command="tables",
        columns=columns,
        rows=pd.DataFrame(rows, columns=[column.name for column in columns]),
        summary={"tables": len(schemas), "columns": len(rows)},
        parameters={"tables": chosen},
    )


def _row(schema: Schema, column: Column, aliases: Mapping[str, Sequence[str]]) -> dict[str, object]:
    return {
        "table": schema.name,
        "column": column.name,
        "type": column.type,
        "unit": column.counted_in or None,
        "required": column.required,
        "key": column.name in schema.key,
        "refers": column.refers or None,
        "meaning": f"{column.meaning} ({', '.join(column.codes)})" if column.codes else column.meaning,
        "aliases": tuple(aliases.get(column.name, ())),
    }
