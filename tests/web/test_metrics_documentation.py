"""docs/metrics.md and `/metrics` name the same figures, of the same types."""

import re
from pathlib import Path

from tests.web.office import Office

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


async def test_the_table_is_what_is_exported(office: Office) -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines()]
    told = {row[0].strip("`"): row[1] for row in rows if len(row) == 5 and row[0].startswith("`")}
    text = (await office.anyone.get("/metrics")).text
    exported = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    assert told == exported


def test_every_row_has_a_unit_a_meaning_and_something_to_watch_for() -> None:
    rows = [line.strip("|").split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    for row in rows:
        assert len(row) == 5, row
        assert all(cell.strip() for cell in row), row
        unit = row[2].strip()
        name = row[0].strip(" `").removesuffix("_total")
        assert name.rsplit("_", 1)[-1] not in ("seconds", "bytes") or unit == name.rsplit("_", 1)[-1], row
