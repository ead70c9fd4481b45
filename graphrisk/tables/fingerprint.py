"""A digest of the rows of a book, whatever their order and the files that they came from."""

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from graphrisk.tables.schemas import SCHEMAS

#: Start of what is digested: one use cannot stand in for the other.
_FINGERPRINT, _MASK_KEY = b"graphrisk fingerprint 1\0", b"graphrisk mask key 1\0"


def digests(frames: Mapping[str, pd.DataFrame], *, currency: str) -> tuple[str, bytes]:
    """Return the fingerprint of a book, and the key that hides its persons.

    Both digest the same bytes (SHA-256, FIPS 180-4) behind different first words, so that who knows the
    fingerprint, which is printed, knows nothing of the key.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        Rows by table; where they came from does not count.
    currency : str
        The book's, which amounts that name none are in.

    Returns
    -------
    fingerprint : str
        64 hexadecimal digits.
    key : bytes
        32 bytes.

    Examples
    --------
    >>> rows = [{"project_id": "P", "entity_id": entity, "role": "lender"} for entity in "AB"]
    >>> one, two = (SCHEMAS["project_parties"].frame(order) for order in (rows, rows[::-1]))
    >>> digests({"project_parties": one}, currency="CNY") == digests({"project_parties": two}, currency="CNY")
    True
    """
    shown, hidden = hashlib.sha256(_FINGERPRINT), hashlib.sha256(_MASK_KEY)
    for piece in _canonical(frames, currency):
        shown.update(piece)
        hidden.update(piece)
    return shown.hexdigest(), hidden.digest()


def _canonical(frames: Mapping[str, pd.DataFrame], currency: str) -> Iterator[bytes]:
    """Yield the bytes of tables by name, columns in the order of the schema, rows sorted by key and all columns."""
    yield f"{currency}\0".encode()
    for name in sorted(frames):
        schema, frame = SCHEMAS[name], frames[name]
        columns = {column: pa.array(frame[column].array) for column in schema.names}
        filled = [column for column, values in columns.items() if values.null_count < len(values)]
        order = [*(column for column in schema.key if column in filled)]
        order += [column for column in filled if column not in order]
        yield f"{name}\0{len(frame)}\0".encode()
        if not order:
            continue
        rows = pa.table({column: columns[column] for column in filled})
        rows = rows.take(pc.sort_indices(rows, sort_keys=[(column, "ascending") for column in order]))
        for column in filled:
            yield f"{column}\0{schema[column].type}\0".encode()
            yield from _bytes(rows.column(column).combine_chunks())


def _bytes(values: pa.Array) -> Iterator[bytes]:
    """Yield which values of a column are there, then the values; nulls as zeros, all little-endian."""
    yield np.packbits(values.is_valid().to_numpy(zero_copy_only=False)).tobytes()
    if pa.types.is_large_string(values.type) or pa.types.is_string(values.type):
        # Filled first: a null may hide bytes in the buffer of its column.
        texts = pc.fill_null(pc.cast(values, pa.large_string()), "")
        yield pc.binary_length(texts).to_numpy(zero_copy_only=False).astype("<i8").tobytes()
        _, offsets, data = texts.buffers()
        ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        yield bytes(memoryview(data)[ends[0] : ends[-1]]) if data is not None else b""
    elif pa.types.is_boolean(values.type):
        yield np.packbits(pc.fill_null(values, False).to_numpy(zero_copy_only=False)).tobytes()  # noqa: FBT003 -- Arrow's
    elif pa.types.is_floating(values.type):
        # Adding zero turns -0.0 into 0.0: equal values, equal bytes.
        yield (pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False) + 0.0).astype("<f8").tobytes()
    else:
        numbers = pc.fill_null(pc.cast(values, pa.int64()), 0)
        yield numbers.to_numpy(zero_copy_only=False).astype("<i8").tobytes()
