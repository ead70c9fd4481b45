"""Loan arithmetic, exact, at a date: tables in, tables out."""
