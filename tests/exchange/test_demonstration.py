"""The demonstration: the same seed opens the same market, the market lives, and it goes on where it was."""

from pathlib import Path
from typing import Any

import pytest

from exchange.demo.cast import ACCOUNTS, LAST, OPERATOR
from tests.running import Person, VenueProcess, exchange, listening, serving


def market_of(person: Person) -> dict[str, Any]:
    """Every instrument with its book, as the public sees it; times and sequences left out."""
    market = {}
    for item in person.get("/instruments")["items"]:
        book = person.get(f"/instruments/{item['symbol']}/book")
        trades = person.get(f"/instruments/{item['symbol']}/trades", min_sequence=book["sequence"])["items"]
        market[item["symbol"]] = (
            item["last"],
            book["bids"],
            book["asks"],
            [(trade["trade_id"], trade["price"], trade["quantity"]) for trade in trades],
        )
    return market


@pytest.mark.slow
def test_the_same_seed_opens_the_same_market(tmp_path: Path) -> None:
    markets = []
    for folder in ("one", "two"):
        with serving(tmp_path / folder, "--seed", "7", "--clock", "manual", command="demo") as venue:
            people = {each.name: venue.person(each.name) for each in (*ACCOUNTS, LAST, OPERATOR)}
            markets.append(market_of(people["analyst"]))
    assert markets[0] == markets[1]
    assert len(markets[0]) >= 10, "varieties, grades, two warehouses, several weeks"
    assert {symbol.split("-")[2] for symbol in markets[0]} == {"SX1", "SX2"}
    for symbol, (last, bids, asks, trades) in markets[0].items():
        assert bids, symbol
        assert asks, symbol
        assert bids[0][0] < asks[0][0]
        assert trades[0][1] == last
        assert 100 <= last <= 400, "fen per kilogram at the farm gate, give or take grade and variety"


@pytest.mark.slow
def test_the_market_lives_and_goes_on_where_it_was(tmp_path: Path) -> None:
    with serving(tmp_path, command="demo") as venue:
        sequence = see_trades(venue, 3)
    with serving(tmp_path, command="demo") as venue:
        assert venue.person("analyst").get("/me")["sequence"] > sequence
        see_trades(venue, 3)
        names = [each["name"] for each in venue.person("operator").get("/operator/participants", limit=1000)["items"]]
        assert len(names) == len(set(names))
    verified = exchange("verify", "--data", tmp_path)
    assert verified.returncode == 0, verified.stdout


def see_trades(venue: VenueProcess, count: int) -> int:
    """Listen until so many new trades were made; the sequence of the last."""
    symbols = [item["symbol"] for item in venue.person("analyst").get("/instruments")["items"]]
    with listening(venue) as feed:
        feed.say(op="subscribe", id=1, channel="trades", symbols=symbols)
        feed.until(op="subscribed", id=1)
        seen = sequence = 0
        while seen < count:
            message = feed.hear()
            if message.get("channel") == "trades" and message["kind"] == "delta":
                seen += 1
                sequence = message["sequence"]
        return sequence
