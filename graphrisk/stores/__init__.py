"""Where tables live."""

from pathlib import Path

from graphrisk.stores.base import Store
from graphrisk.stores.files import FileStore


def open_store(data: str | None) -> Store:
    """Return the store that a user names.

    Parameters
    ----------
    data : str or None
        A folder of tables, or one file of a table; None for the bundled sample.

    Returns
    -------
    Store
        Nothing is read yet.

    Examples
    --------
    >>> open_store("tables/").source
    'tables/'
    """
    if data is None:
        return FileStore(None)
    return FileStore([Path(data)], source=data)
