"""docs/matching.md says what the console does: its tapes run, and its tables are those of the code."""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from matching import Market
from matching.messages import Command, Event, Rejection

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "matching.md").read_text()
TAPES = re.findall(r"^```tape\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def rows(heading: str) -> dict[str, str]:
    """The last column by the first, of the first table behind the heading."""
    table = DOCUMENT.split(f"\n{heading}\n", 1)[1].split("\n|---|", 1)[1].split("\n\n", 1)[0]
    cells = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]
    return {row[0].strip(): row[-1].strip() for row in cells}


def words(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def tag(message: Any) -> str:
    return str(message.__struct_config__.tag)


@pytest.mark.parametrize("number", range(len(TAPES)))
def test_an_example_does_what_it_shows(number: int) -> None:
    market = Market()
    shown: list[str] = []
    for line in TAPES[number].splitlines():
        if line.startswith("{"):
            shown.append(line)
            events = market.apply(msgspec.json.decode(line, type=Command))
            shown.extend(f"→ {msgspec.json.encode(event).decode()}" for event in events)
            market.audit()
    assert TAPES[number].splitlines() == shown


def test_there_are_examples_of_every_mode() -> None:
    modes = set(re.findall(r'"mode":"(\w+)"', "".join(TAPES)))
    assert modes == {"listing", "one_way_auction", "negotiated"}
    assert len(TAPES) >= 5


def test_the_table_of_commands_is_that_of_the_code() -> None:
    expected = {}
    for command in get_args(Command):
        fields = []
        for field in msgspec.structs.fields(command):
            default = msgspec.json.encode(field.default).decode().strip('"') if not field.required else None
            quoted = f"`{default}`" if isinstance(field.default, str) else default
            fields.append(f"`{field.name}`" + ("" if default is None else f" ({quoted})"))
        expected[f"`{tag(command)}`"] = ", ".join(fields)
    assert rows("## Commands") == expected


def test_the_table_of_events_is_that_of_the_code() -> None:
    expected = {f"`{tag(event)}`": ", ".join(f"`{f}`" for f in event.__struct_fields__) for event in get_args(Event)}
    assert rows("## Events") == expected


def test_every_reason_that_the_code_knows_is_in_the_tables() -> None:
    """And no other. In the code a refusal is a text with one of these beginnings."""
    source = "".join(path.read_text() for path in sorted((ROOT / "matching").glob("*.py")))
    begins = "invalid unknown wrong own below exceeds outside duplicate clock"
    known = set(re.findall(rf'"((?:{begins.replace(" ", "|")})_\w+|has_bids)"', source))
    refusals = {word for row in rows("### Refusals, the first that applies").values() for word in words(row)}
    ends = {word for row in rows("### Ends").values() for word in words(row)}
    assert known - refusals == set()
    assert {word for word in refusals | ends if f'"{word}"' not in source} == set()


def test_every_command_says_how_it_is_refused() -> None:
    told = {word for row in rows("### Refusals, the first that applies") for word in words(row)}
    assert told == {tag(command) for command in get_args(Command)}
    assert all("reason" in event.__struct_fields__ for event in get_args(Rejection))
