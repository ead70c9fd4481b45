"""A file of rows as it came: text, with the line that each row began on."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

#: The type of all text columns; offsets of 64 bits, so that no column is too long.
TEXT = pa.large_string()

FileFault = Literal["", "not_text", "no_header"]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A row that does not fit the header of its file.

    Attributes
    ----------
    line : int
        Line that it begins on, the first line of the file being 1.
    fields : tuple of str
        Its fields as they came.
    code : str
        Code of the finding: ``too_few_fields``, ``too_many_fields`` or ``unclosed_quote``.
    """

    line: int
    fields: tuple[str, ...]
    code: str


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file that is named as a table.

    Attributes
    ----------
    table : str
        Our name of the table.
    name : str
        The file, as the user knows it.
    encoding : str
        What its bytes were read as, such as ``UTF-8``; a guess where ``fault`` is ``not_text``.
    header : tuple of str
        Its headers as they came.
    columns : tuple of pyarrow.ChunkedArray
        One a header: the text of each row, as it came.
    lines : ndarray of int64, shape (rows,)
        Line that each row begins on.
    misfits : tuple of Misfit
        Rows that do not fit the header; they are not in ``columns``.
    fault : str
        Why nothing could be read: ``not_text`` or ``no_header``; blank if it could.
    fault_line : int or None
        Line of the first byte that is no text.
    """

    table: str
    name: str
    encoding: str = "UTF-8"
    header: tuple[str, ...] = ()
    columns: tuple[pa.ChunkedArray, ...] = ()
    lines: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    misfits: tuple[Misfit, ...] = ()
    fault: FileFault = ""
    fault_line: int | None = None

    @property
    def rows_read(self) -> int:
        """How many rows the file has beside its header and blank lines."""
        return len(self.lines) + len(self.misfits)
