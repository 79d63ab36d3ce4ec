"""What a command imports it pays for at each start: a library that it has no use for is found out here."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

NEVER = {
    "alembic",
    "attr",
    "httpx",
    "jsonschema",
    "mako",
    "pandas",
    "polars",
    "pyarrow",
    "pydantic",
    "reportlab",
    "rich",
}

FOLLOW_AND_INIT = (
    "import exchange.bell, exchange.follower, exchange.founding, exchange.publication, exchange.recovery, "
    "exchange.snapshot_writer"
)
SERVE = "import exchange.app, web.app; web.app.routes(web.app.DEFAULTS)"


@pytest.mark.parametrize(
    ("code", "never"),
    [(FOLLOW_AND_INIT, NEVER | {"litestar", "prometheus_client", "uvicorn", "websockets"}), (SERVE, NEVER)],
    ids=["follow and init", "serve"],
)
def test_a_start_imports_nothing_that_it_has_no_use_for(code: str, never: set[str]) -> None:
    told = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    imported = subprocess.run([sys.executable, "-c", told], cwd=ROOT, check=True, capture_output=True, text=True)
    names = set(imported.stdout.split())
    assert "exchange" in names
    assert names & never == set()
