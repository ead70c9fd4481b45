"""A book of a few rows, written as files and read."""

import pytest

from graphrisk.stores.files import read_tables

#: A book in which no check finds anything.
CLEAN = {
    "entities": "entity_id,kind,cash\nA,company,100\nF,bank,1000\nP,person,50\n",
    "loans": "loan_id,borrower_id,lender_id,principal,annual_rate,start_date\nL1,A,F,300,0.18,2024-01-01\n",
    "schedule": ("loan_id,no,due_date,principal_due,interest_due\nL1,1,2024-02-01,100,4.50\nL1,2,2024-03-01,200,3\n"),
    "payments": "payment_id,loan_id,paid_date,amount\nY1,L1,2024-02-01,104.50\n",
}


@pytest.fixture
def book(tmp_path):
    """Write tables and read them; None leaves a table of the clean book out."""

    def read(**changes):
        for name, text in {**CLEAN, **changes}.items():
            if text is not None:
                content = text if isinstance(text, bytes) else text.encode()
                (tmp_path / f"{name}.csv").write_bytes(content)
        return read_tables([tmp_path])

    return read


@pytest.fixture
def found(book):
    """Write tables, and return what was found: severity, code, line, column and value."""

    def findings(**changes):
        return [
            (finding.severity, finding.code, finding.line, finding.column, finding.value)
            for finding in book(**changes).findings
        ]

    return findings
