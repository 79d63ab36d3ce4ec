"""docs/feed.md: its examples are messages of the feed, its tables those of the code."""

import importlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from marketdata import messages
from marketdata.messages import CHANNELS, Ping, Subscribe, Unsubscribe

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "feed.md").read_text()
EXAMPLES = [
    json.loads(line)
    for block in re.findall(r"^```json\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
OPS: dict[str, Any] = {
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "ping": Ping,
    "subscribed": messages.Subscribed,
    "unsubscribed": messages.Unsubscribed,
    "pong": messages.Pong,
    "error": messages.Error,
}
KINDS: dict[tuple[str, str], Any] = {
    ("orders", "snapshot"): messages.OrdersSnapshot,
    ("orders", "delta"): messages.OrdersMessage,
    ("lots", "snapshot"): messages.LotsSnapshot,
    ("lots", "delta"): messages.LotsMessage,
    ("account", "snapshot"): messages.AccountSnapshot,
    ("account", "delta"): messages.AccountMessage,
}


def type_of(example: dict[str, Any]) -> Any:
    if "op" in example:
        return OPS[example["op"]]
    channel = example["channel"]
    return KINDS.get((channel, example["kind"])) or getattr(messages, f"{channel.capitalize()}Message")


def rows(columns: str) -> list[list[str]]:
    table = DOCUMENT.split(f"\n{columns}\n", 1)[1].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]


def words(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"{each.get('op') or each['channel']}")
def test_an_example_is_a_message_of_the_feed(example: dict[str, Any]) -> None:
    message = msgspec.convert(example, type_of(example), strict=True)
    again = json.loads(msgspec.json.encode(message))
    # Requests may leave fields out, answers and data have them all.
    assert {name: again[name] for name in example} == example
    if not isinstance(message, Subscribe | Unsubscribe | Ping):
        assert again.keys() == example.keys()


def test_every_channel_has_its_examples_and_its_row() -> None:
    assert {example["channel"] for example in EXAMPLES if "op" not in example} == set(CHANNELS)
    assert [
        words(channel)[0] for channel, *_ in rows("| channel | a delta is | slower lanes | a slow reader gets |")
    ] == [*CHANNELS]
    assert re.findall(r"^### (\w+)$", DOCUMENT, re.MULTILINE) == [*CHANNELS]


def test_the_checksum_is_that_of_the_text() -> None:
    (text,) = re.findall(r"`([\d:,]+\|[\d:,]+)`", DOCUMENT)
    (checksum,) = [
        each["checksum"] for each in EXAMPLES if each.get("channel") == "book" and each.get("kind") == "snapshot"
    ]
    assert zlib.crc32(text.encode()) == checksum


def test_limits_are_those_of_the_code() -> None:
    limits = rows("| name | is | of what |")
    assert len(limits) > 15
    for name, value, _ in limits:
        module, _, constant = words(name)[0].rpartition(".")
        assert getattr(importlib.import_module(module), constant) == int(value), name


def test_every_code_of_an_error_is_explained() -> None:
    explained = {code for codes, _ in rows("| code | what was wrong |") for code in words(codes)}
    source = "".join((ROOT / "marketdata" / name).read_text() for name in ("connection.py", "feed.py", "messages.py"))
    used = set(re.findall(r'code="([a-z_]+)"', source)) | set(re.findall(r'refuse\([\w.()]+, "([a-z_]+)"', source))
    assert used | {"invalid_FIELD"} == explained
