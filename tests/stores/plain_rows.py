"""Rows of a CSV file counted character by character, apart from the code that reads them."""


def _field_ends(text, at):
    """Return the field that starts at a position, where it ends, and whether its quote was closed."""
    field, quoted = [], text.startswith('"', at)
    at += quoted
    while at < len(text):
        sign = text[at]
        if quoted and sign == '"':
            if text.startswith('""', at):
                field.append('"')
                at += 2
                continue
            quoted = False
        elif not quoted and sign in ",\r\n":
            break
        else:
            field.append(sign)
        at += 1
    return "".join(field), at, not quoted


def _row(text, at):
    """Return the fields of the row that starts at a position, where the next starts, and whether it is whole."""
    fields = []
    while True:
        field, at, closed = _field_ends(text, at)
        fields.append(field)
        if not closed:
            return fields, at, False
        if at >= len(text) or text[at] != ",":
            break
        at += 1
    if text.startswith("\r\n", at):
        return fields, at + 2, True
    return fields, at + 1, True


def _line_end(text, at):
    """Return where the line after that of a position starts."""
    while at < len(text) and text[at] not in "\r\n":
        at += 1
    return at + (2 if text.startswith("\r\n", at) else 1)


def rows_of(text):
    """Return the rows that are not blank, each with its first line; a row with an open quote is its first line."""
    rows, at, line = [], 0, 1
    while at < len(text):
        fields, after, whole = _row(text, at)
        if not whole:
            after = _line_end(text, at)
        if any(field.strip() for field in fields) or not whole:
            rows.append((line, fields))
        passed = text[at:after]
        line += passed.count("\n") + passed.count("\r") - passed.count("\r\n")
        at = after
    return rows


def text_of(content):
    """Return bytes as text in the first encoding that fits; None if none does."""
    if b"\0" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    marked = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    for mark, codec in marked.items():
        if content.startswith(mark):
            return _try(content, codec)
    text = _try(content, "utf-8")
    return _try(content, "gb18030") if text is None else text


def _try(content, codec):
    try:
        text = content.decode(codec)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
