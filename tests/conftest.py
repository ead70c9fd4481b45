"""What every test run does: say loudly what was skipped, and fail where a skip is not allowed.

``GRAPHRISK_REQUIRE`` names, with commas between, what must not be skipped; ``GRAPHRISK_DATASETS`` is the folder of
data sets from outside.
"""

import os
from pathlib import Path

import pytest

# Doctest would import them as modules of one name; they hold no examples.
collect_ignore_glob = ["conftest.py", "*/conftest.py"]

HOW = {"datasets": "name the folder that holds them: GRAPHRISK_DATASETS=path make test"}


@pytest.fixture(scope="session")
def datasets() -> Path:
    """Return the folder of data sets from outside; without one the test is skipped, or fails if it is required."""
    named = os.environ.get("GRAPHRISK_DATASETS", "")
    folder = Path(named)
    if named and folder.is_dir():
        return folder
    missing = f"no folder of data sets ({named or 'GRAPHRISK_DATASETS is not set'})"
    if "datasets" in os.environ.get("GRAPHRISK_REQUIRE", "").split(","):
        pytest.fail(f"{missing}, but GRAPHRISK_REQUIRE names datasets")
    pytest.skip(f"datasets: {missing}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was skipped, and how to run it."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section("skipped: not everything was tested", sep="!", yellow=True)
    for marker, how in HOW.items():
        count = sum(f"{marker}:" in str(report.longrepr) for report in skipped)
        if count:
            terminalreporter.line(f"{count} tests of {marker}. To run them, {how}")
    others = sum(not any(f"{marker}:" in str(report.longrepr) for marker in HOW) for report in skipped)
    if others:
        terminalreporter.line(f"{others} more; pytest -rs says why.")
