"""What a place for tables can do."""

from typing import Protocol

from graphrisk.tables.book import Tables


class Store(Protocol):
    """A place where the tables of one book live."""

    @property
    def source(self) -> str:
        """The place, as the user named it."""
        ...

    def read_tables(self) -> Tables:
        """Read and check all tables.

        Returns
        -------
        Tables
            With what was found, and the rows that were set aside.

        Raises
        ------
        StoreError
            If the place cannot be reached, or holds no table.
        InvalidDataError
            If its settings cannot be read.
        """
        ...
