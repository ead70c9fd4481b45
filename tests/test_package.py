"""The wheel holds all that the command line needs, and works where nothing else of the repository is."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIPPED = ("graphrisk", "cypher")


def tracked() -> set[str]:
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607 -- git of this checkout
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name for name in done.stdout.splitlines() if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build the wheel from a clean copy, so that nothing left behind by another build gets into it."""
    copy = tmp_path_factory.mktemp("copy")
    for name in tracked():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    subprocess.run(  # noqa: S603 -- our own build
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", copy / "dist", copy],
        check=True,
        capture_output=True,
    )
    return next((copy / "dist").glob("*.whl"))


def test_the_wheel_holds_the_package_the_cypher_files_and_the_sample(wheel):
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        name if name.startswith("graphrisk/") else f"graphrisk/{name}"
        for name in tracked()
        if name.split("/")[0] in SHIPPED
    }

    assert inside == expected
    assert "graphrisk/cypher/schema/entity_id.cypher" in inside
    assert "graphrisk/sample/loans.csv" in inside


def test_the_wheel_works_away_from_the_repository(wheel, tmp_path):
    site = tmp_path / "site"
    subprocess.run(  # noqa: S603 -- our own wheel; what it depends on is installed already
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel],
        check=True,
    )
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); import graphrisk.cli.app as app; "
        f"assert app.__file__.startswith({str(site)!r}); raise SystemExit(app.main(['spread', 'A', '--format', 'csv']))"
    )
    done = subprocess.run(  # noqa: S603 -- as above
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, encoding="utf-8"
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("A,")
