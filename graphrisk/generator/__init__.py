"""Synthetic books: coherent, connected, of any size, the same bytes for the same seed on every machine."""

from graphrisk.generator.books import AS_OF, EDITION, LEAST, MOST, Written, book, write_book

__all__ = ["AS_OF", "EDITION", "LEAST", "MOST", "Written", "book", "write_book"]
