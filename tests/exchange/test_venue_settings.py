"""The venue's rules as settings: a file says tables, a variable JSON, and what is wrong is named."""

from pathlib import Path

import pytest

from exchange.config import SetupError, load
from settlement.messages.contracts import ContractTerms
from settlement.messages.storage import StorageTariff
from settlement.venue import DOCKS, STORAGE


def test_a_venue_that_chooses_nothing_has_the_rules_of_the_house() -> None:
    venue = load({}, environment={}).venue()
    assert (venue.storage, venue.docks) == (STORAGE, DOCKS)
    assert venue.contract == ContractTerms()
    assert load({"contracts": False}, environment={}).venue().contract is None
    assert venue.taker_rate_ppm == venue.fee_rate_ppm == 500


def test_a_file_says_tariffs_and_terms(tmp_path: Path) -> None:
    file = tmp_path / "venue.toml"
    file.write_text(
        "fee_taker_rate_ppm = 800\n[contract]\ntolerance_permille = 30\n"
        '[[storage]]\nwarehouse = "SX1"\nfen_per_tonne_day = 400\n'
    )
    venue = load({}, environment={}, file=str(file)).venue()
    assert venue.contract is not None
    assert (venue.contract.tolerance_permille, venue.contract.earnest_permille) == (30, 200)
    assert venue.storage == (StorageTariff(warehouse="SX1", fen_per_tonne_day=400),)
    assert (venue.fee_rate_ppm, venue.taker_rate_ppm) == (500, 800)


def test_a_variable_says_the_same_as_json() -> None:
    environment = {"EXCHANGE_STORAGE": '[{"warehouse": "SX2", "fen_per_tonne_day": 1}]'}
    assert load({}, environment=environment).venue().storage[0].warehouse == "SX2"


@pytest.mark.parametrize(
    ("variable", "text", "told"),
    [
        ("EXCHANGE_DOCKS", "[{", "EXCHANGE_DOCKS is no JSON"),
        ("EXCHANGE_STORAGE", '[{"warehouse": "SX1", "fen_per_tonne_day": -1}]', r"\$\.storage\[0\]\.fen_per_tonne_day"),
        ("EXCHANGE_CONTRACT", '{"earnest": 1}', "unknown field `earnest`"),
    ],
)
def test_what_is_wrong_is_named(variable: str, text: str, told: str) -> None:
    with pytest.raises(SetupError, match=told):
        load({}, environment={variable: text})
