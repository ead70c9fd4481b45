"""Bytes of a CSV file to text fields, each row with the line that it began on."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from graphrisk.tables.raw import TEXT, Misfit, RawFile

#: Rows turned into columns at a time: few enough for their strings to stay in the cache (half the time of 50,000).
_BLOCK = 1_000
#: Bytes that Arrow reads at a time, unless a line is longer.
_PIECE = 1 << 22
#: A line that no file has, put after the last: two fields, unless a quote before it was left open.
_NUL = "\0"
_END = f"{_NUL},{_NUL}"
#: The reader's own limit (128 KiB) would stop it in the middle of a file.
_LARGEST_FIELD = 2**31 - 1

#: What files that are often given a wrong ending begin with.
_BINARIES = {b"PK\x03\x04": "xlsx", b"\xd0\xcf\x11\xe0": "xls", b"PAR1": "parquet"}

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8 with BOM"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
)


class NotTextError(ValueError):
    """The bytes are no text in any encoding that is read.

    Parameters
    ----------
    line : int
        Line of the first byte that is no text.
    guess : str
        Encoding that it may be in; blank if none is likely.
    """

    def __init__(self, line: int, guess: str = "") -> None:
        super().__init__(line, guess)
        self.line = line
        self.guess = guess


def decoded(content: bytes) -> tuple[str, str]:
    """Return bytes as text, and the encoding that they were in.

    UTF-8 first, with or without a byte order mark, then GB18030 (GB 18030-2022; GBK and GB2312 are parts).
    Bytes that are UTF-8 but for a few are damaged UTF-8: read as GB18030 they would turn into other words.

    Parameters
    ----------
    content : bytes
        The whole file.

    Returns
    -------
    text : str
    encoding : str
        Such as ``GB18030``.

    Raises
    ------
    NotTextError
        If no encoding fits, or a NUL is in it.

    Examples
    --------
    >>> decoded("借据号".encode("gb18030"))
    ('借据号', 'GB18030')
    """
    for mark, codec, name in _BOMS:
        if content.startswith(mark):
            return _strict(content, codec), name
    if b"\0" in content:
        kind = next((kind for mark, kind in _BINARIES.items() if content.startswith(mark)), "")
        raise NotTextError(content.count(b"\n", 0, content.index(b"\0")) + 1, kind)
    try:
        return _strict(content, "utf-8"), "UTF-8"
    except NotTextError:
        if _is_damaged_utf8(content):
            raise
        return _strict(content, "gb18030"), "GB18030"


def _strict(content: bytes, codec: str) -> str:
    try:
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        # Of a file with a mark, the error counts from after it.
        line = bytes(error.object).count(b"\n", 0, error.start) + 1
        raise NotTextError(line, _guess(content)) from None
    if _NUL in text:
        raise NotTextError(text.count("\n", 0, text.index(_NUL)) + 1)
    return text


def _is_damaged_utf8(content: bytes) -> bool:
    # In GB18030 about one pair of bytes in seven is valid UTF-8 by chance; in damaged UTF-8 most are.
    text = content.decode("utf-8", errors="replace")
    broken = text.count("\N{REPLACEMENT CHARACTER}")
    foreign = len(re.findall(r"[^\x00-\x7f\ufffd]", text))
    return foreign > 3 * broken


def _guess(content: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 -- only for files that no expected encoding fits

    best = from_bytes(content[:65_536]).best()
    return "" if best is None else best.encoding


def split(text: str, *, table: str, name: str, encoding: str = "UTF-8") -> RawFile:
    r"""Return the rows of comma-separated text.

    Lines in which every field is blank are no rows. A quote that is never closed spoils its own line only.

    Parameters
    ----------
    text : str
        The whole file.
    table, name, encoding : str
        As in `RawFile`.

    Returns
    -------
    RawFile
        With ``fault`` set if there is no header.

    Examples
    --------
    >>> file = split('id,note\n1,"two\r\nlines"\n2\n', table="fx", name="fx.csv")
    >>> file.header, file.lines.tolist(), file.misfits
    (('id', 'note'), [2], (Misfit(line=4, fields=('2',), code='too_few_fields'),))
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LARGEST_FIELD))
    plain = _plain(text, table=table, name=name, encoding=encoding)
    if plain is not None:
        return plain
    header: tuple[str, ...] = ()
    blocks: list[list[pa.Array]] = []
    lines: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    misfits: list[Misfit] = []
    for rows, starts, unclosed in _blocks(text):
        first = 0
        if not header:
            first = next((at for at, row in enumerate(rows) if any(map(str.strip, row))), len(rows))
            header = tuple(rows[first]) if first < len(rows) else ()
            first += 1
        block, kept = _columns(rows[first:], starts[first:], len(header), misfits)
        if block:
            blocks.append(block)
            lines.append(kept)
        if unclosed is not None and header:
            misfits.append(unclosed)
        elif unclosed is not None:
            header = unclosed.fields
    if not header:
        return RawFile(table, name, encoding, fault="no_header")
    columns = (pa.chunked_array([block[at] for block in blocks], TEXT) for at in range(len(header)))
    return RawFile(table, name, encoding, header, tuple(columns), np.concatenate(lines), tuple(misfits))


def _plain(text: str, *, table: str, name: str, encoding: str) -> RawFile | None:
    """Return the rows of a text without quotes whose lines all have as many fields as the first; None for others.

    Arrow reads it several times as fast as Python; of what may go wrong in a file nothing is left to it.
    """
    head, newline, body = text.partition("\n")
    header = head.removesuffix("\r").split(",")
    # Of a file of one column Arrow would pass over the blank lines.
    if not newline or '"' in text or len(header) == 1 or not any(map(str.strip, header)):
        return None
    if text.count("\r") != text.count("\r\n") or body.startswith("\ufeff"):
        return None
    content = body.encode()
    longest = _uniform(np.frombuffer(content, np.uint8), len(header) - 1)
    if not longest:
        return None
    names = [str(number) for number in range(len(header))]
    rows = arrow_csv.read_csv(
        pa.BufferReader(content),
        read_options=arrow_csv.ReadOptions(
            column_names=names, block_size=max(_PIECE, 2 * longest), use_threads=len(content) > _PIECE
        ),
        parse_options=arrow_csv.ParseOptions(quote_char=False, newlines_in_values=False),
        convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, TEXT), strings_can_be_null=False),
    )
    columns, lines = _filled(rows.columns, np.arange(2, rows.num_rows + 2))
    return RawFile(table, name, encoding, tuple(header), tuple(columns), lines)


def _uniform(content: NDArray[np.uint8], commas: int) -> int:
    """Return the length of the longest line if each has a number of commas; 0 if one has not, or there is none."""
    ends = np.flatnonzero(content == ord("\n"))
    if len(content) and (not len(ends) or ends[-1] != len(content) - 1):
        ends = np.append(ends, len(content))
    places = np.flatnonzero(content == ord(","))
    if not len(ends) or len(places) != commas * len(ends):
        return 0
    # The first comma of each line and the last one: if they are inside, so are those between.
    if (places[commas - 1 :: commas] > ends).any() or (places[commas::commas] < ends[:-1]).any():
        return 0
    return int(np.diff(ends, prepend=-1).max())


def _filled(columns: Sequence[Any], lines: NDArray[np.int64]) -> tuple[list[Any], NDArray[np.int64]]:
    """Leave out the rows in which every field is blank."""
    filled = np.zeros(len(lines), bool)
    for column in columns:
        if filled.all():
            break
        filled |= pc.not_equal(pc.utf8_trim_whitespace(column), "").to_numpy(zero_copy_only=False)
    if filled.all():
        return list(columns), lines
    return [column.filter(pa.array(filled)) for column in columns], lines[filled]


def _blocks(text: str) -> Iterator[tuple[list[list[str]], Sequence[int], Misfit | None]]:
    """Yield rows, the lines that they begin on, and the row that an open quote spoilt."""
    # Behind a row with an open quote no quote can be left open again: there is at most one more pass.
    passed = 0
    while True:
        # Line ends stay as they are: \n, \r\n and \r each end a line, as an editor counts them.
        physical = islice(io.StringIO(text, newline=""), passed, None)
        reader = csv.reader(chain(physical, (_END,)))
        before = passed
        while True:
            rows = list(islice(reader, _BLOCK))
            starts = _starts(rows, before, passed + reader.line_num)
            before = passed + reader.line_num
            if rows[-1] == [_NUL, _NUL]:
                yield rows[:-1], starts[:-1], None
                return
            if rows[-1] and _NUL in rows[-1][-1]:
                break
            yield rows, starts, None
        passed = starts[-1]
        line = next(islice(io.StringIO(text, newline=""), passed - 1, None))
        spoilt = Misfit(passed, tuple(next(csv.reader([line.rstrip("\r\n")]))), "unclosed_quote")
        yield rows[:-1], starts[:-1], spoilt


def _starts(rows: list[list[str]], before: int, ended: int) -> Sequence[int]:
    """Return the line that each row begins on, after ``before`` lines; the last of them ends on line ``ended``."""
    if ended - before == len(rows):
        return range(before + 1, ended + 1)
    breaks = [sum(field.count("\n") + field.count("\r") - field.count("\r\n") for field in row) for row in rows]
    return list(accumulate((1 + count for count in breaks[:-1]), initial=before + 1))


def _columns(
    rows: list[list[str]], starts: Sequence[int], width: int, misfits: list[Misfit]
) -> tuple[list[pa.Array], NDArray[np.int64]]:
    """Turn rows into columns; those of another width go to ``misfits``, blank ones nowhere."""
    if any(map(width.__ne__, map(len, rows))):
        fitting: list[list[str]] = []
        lines: list[int] = []
        for row, start in zip(rows, starts, strict=True):
            if len(row) == width:
                fitting.append(row)
                lines.append(start)
            elif any(map(str.strip, row)):
                code = "too_few_fields" if len(row) < width else "too_many_fields"
                misfits.append(Misfit(start, tuple(row), code))
        rows, starts = fitting, lines
    if not rows:
        return [], np.empty(0, np.int64)
    block = [pa.array(column, TEXT) for column in zip(*rows, strict=True)]
    return _filled(block, np.array(starts, np.int64))


def read(content: bytes, *, table: str, name: str) -> RawFile:
    """Return the rows of a file that is named as a table.

    Parameters
    ----------
    content : bytes
        The whole file.
    table : str
        Our name of the table.
    name : str
        The file, as the user knows it.

    Returns
    -------
    RawFile
        With ``fault`` set if the file has no text or no header.

    Examples
    --------
    >>> read(b"fx_id", table="fx", name="fx.csv").header
    ('fx_id',)
    """
    try:
        text, encoding = decoded(content)
    except NotTextError as error:
        return RawFile(table, name, encoding=error.guess, fault="not_text", fault_line=error.line)
    return split(text, table=table, name=name, encoding=encoding)
