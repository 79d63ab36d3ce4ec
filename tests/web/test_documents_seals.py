"""A seal proves what was sealed and nothing else."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from web.documents.seals import KEY_BYTES, KEY_FILE, Seal, Seals, grouped, key_in
from web.documents.verification import seal_of

SEALS = Seals(bytes(range(32)))
FACTS = (17, 3, "BXJ-1-SX1-26W47", 500_000, "issued", None)
SEAL = SEALS.seal("receipt", "17", 1234, FACTS)


def test_a_seal_is_genuine_as_made() -> None:
    assert SEALS.genuine(SEAL)
    assert SEAL.digest == SEALS.digest("receipt", "17", FACTS)
    assert SEAL.address("https://venue.example/") == (
        f"https://venue.example/verify/receipt/17?n=1234&d={SEAL.digest}&m={SEAL.mac}"
    )


@pytest.mark.parametrize(
    "forged",
    [
        replace(SEAL, kind="trade"),
        replace(SEAL, name="18"),
        replace(SEAL, sequence=1235),
        replace(SEAL, digest="0" * 16),
        replace(SEAL, mac="A" * 22),
        replace(SEAL, mac=""),
        replace(SEAL, mac="签" * 22),
    ],
)
def test_a_changed_seal_is_not(forged: Seal) -> None:
    assert not SEALS.genuine(forged)


@given(st.integers(0, len(SEAL.mac) - 1), st.characters(codec="ascii"))
def test_every_character_of_it_counts(place: int, character: str) -> None:
    mac = SEAL.mac[:place] + character + SEAL.mac[place + 1 :]
    assert SEALS.genuine(replace(SEAL, mac=mac)) == (mac == SEAL.mac)


def test_another_venue_seals_otherwise() -> None:
    other = Seals(bytes(32))
    assert not other.genuine(SEAL)
    assert other.digest("receipt", "17", FACTS) != SEAL.digest


def test_what_is_one_fact_in_one_document_is_not_in_another() -> None:
    """Neither kinds nor fields run into each other."""
    digests = {
        SEALS.digest("receipt", "17", FACTS),
        SEALS.digest("receipt", "1", (7, *FACTS)),
        SEALS.digest("trade", "17", FACTS),
        SEALS.digest("receipt", "17", ("1", "7")),
        SEALS.digest("receipt", "17", ("17",)),
        SEALS.digest("receipt", "17", (17,)),
    }
    assert len(digests) == 6


def test_digests_are_read_in_fours() -> None:
    assert grouped("3f9a12bc77de0192") == "3f9a 12bc 77de 0192"


def test_the_key_is_drawn_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    assert len(key) == KEY_BYTES
    assert key_in(tmp_path) == key
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    (tmp_path / KEY_FILE).write_text("00ff\n")
    with pytest.raises(ValueError, match="no key"):
        key_in(tmp_path)


@pytest.mark.parametrize(
    ("kind", "name", "parameters"),
    [
        ("receipt", "17", {}),
        ("receipt", "17", {"n": "", "d": "x", "m": "y"}),
        ("receipt", "17", {"n": "-1", "d": "x", "m": "y"}),
        ("receipt", "17", {"n": "01", "d": "x", "m": "y"}),
        ("receipt", "17", {"n": "１", "d": "x", "m": "y"}),
        ("receipt", "17", {"n": "9" * 17, "d": "x", "m": "y"}),
        ("receipt", "1" * 65, {"n": "1", "d": "x", "m": "y"}),
        ("receipt", "17", {"n": "1", "d": "x", "m": "y" * 65}),
    ],
)
def test_what_has_not_the_form_of_a_seal_is_none(kind: str, name: str, parameters: dict[str, str]) -> None:
    assert seal_of(kind, name, parameters) is None


def test_an_address_is_read_as_it_was_written() -> None:
    assert seal_of("receipt", "17", {"n": "1234", "d": SEAL.digest, "m": SEAL.mac, "from": "timeline"}) == SEAL
