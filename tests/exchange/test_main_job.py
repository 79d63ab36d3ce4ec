"""The main job, through the public interfaces only: a lot is listed, weighed, graded, sold, settled and seen."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from exchange.database import connect
from tests.running import PASSWORD, Person, VenueProcess, exchange, let_in, listening, lot_cut, serving, take_in


@pytest.fixture
def venue(tmp_path: Path, database_url: str) -> Any:
    """An empty venue with its first operator, at a clock that stands still."""
    made = exchange("init", "--data", tmp_path / "data", "--password", PASSWORD, EXCHANGE_DATABASE_URL=database_url)
    assert made.returncode == 0, made.stderr
    with serving(tmp_path / "data", "--clock", "manual", database_url=database_url) as running:
        yield running


def people_of(venue: VenueProcess) -> tuple[Person, Person, Person]:
    """A grower, a warehouse keeper and a trader with 10,000 yuan, whom the operator has let in."""
    operator = venue.person("operator")
    grower = let_in(operator, "grower", "grower")
    warehouse = let_in(operator, "warehouse", "warehouse")
    trader = let_in(operator, "trader", "trader", money_fen=1_000_000)
    return grower, warehouse, trader


def test_a_lot_is_listed_sold_settled_and_seen(venue: VenueProcess, database_url: str) -> None:
    grower, warehouse, trader = people_of(venue)
    receipt = take_in(grower, warehouse, lot_cut(grower, 4), 1_340_700)
    symbol = receipt["symbol"]
    assert (receipt["weight_g"], receipt["participant_id"]) == (1_340_700, grower.participant_id)
    assert re.fullmatch(r"BXJ-1-SX1-\d\dW\d\d", symbol)
    assert grower.balance(symbol) == (1_340_700, 1_340_700)

    with listening(venue) as feed:
        for number, channel in enumerate(("book", "trades", "ticker", "status")):
            feed.say(op="subscribe", id=number, channel=channel, symbols=[symbol])
            feed.until(op="subscribed", id=number)
        feed.say(op="sign_in", id=10, token=trader.token)
        feed.until(id=10)
        feed.say(op="subscribe", id=11, channel="account")
        feed.until(op="subscribed", id=11)

        offer = grower.place(symbol, "sell", 1000, 230, client_order_id="offer")
        assert (offer["status"], offer["lots"]) == ("resting", [[receipt["receipt_id"], 1000]])
        assert grower.balance(symbol) == (1_340_700, 340_700)
        quote = feed.until(channel="book", kind="delta")
        assert (quote["asks"], quote["bids"]) == ([[230, 1000, 1]], [])

        order = trader.place(symbol, "buy", 400, 235, client_order_id="first")
        assert (order["status"], order["filled"], order["traded_fen"], order["fee_fen"]) == ("filled", 400, 92_000, 46)

        trade = feed.until(channel="trades", kind="delta")["trades"][0]
        assert (trade["price"], trade["quantity"], trade["aggressor_side"]) == (230, 400, "buy")
        book = feed.until(channel="book", previous=quote["sequence"])
        assert book["asks"] == [[230, 600, 1]]
        ticker = feed.until(channel="ticker", sequence=book["sequence"])
        assert (ticker["last"], ticker["volume"], ticker["turnover_fen"]) == (230, 400, 92_000)
        fill = feed.until(has="fill", channel="account")["fill"]
        assert (fill["quantity"], fill["price"], fill["side"]) == (400, 230, "buy")

    # Cash, fees and title have moved together: to the fen and to the gram.
    assert trader.balance("CNY") == (1_000_000 - 92_000 - 46, 1_000_000 - 92_000 - 46)
    assert grower.balance("CNY") == (92_000 - 46, 92_000 - 46)
    assert trader.balance(symbol) == (400_000, 400_000)
    assert grower.balance(symbol) == (940_700, 340_700)
    sequence = order["sequence"]
    kept, bought = (person.get("/receipts", min_sequence=sequence)["items"][0] for person in (grower, trader))
    assert (kept["receipt_id"], kept["weight_g"]) == (receipt["receipt_id"], 940_700)
    assert (bought["parent_receipt_id"], bought["weight_g"]) == (receipt["receipt_id"], 400_000)

    # The database tells the same, in double entry.
    fills = trader.get("/fills", min_sequence=sequence)["items"]
    assert [(each["price"], each["quantity"], each["lots"]) for each in fills] == [
        (230, 400, [[bought["receipt_id"], 400]])
    ]
    people = f"participant:{trader.participant_id}", f"participant:{grower.participant_id}"
    postings = trader.get("/ledger", min_sequence=sequence)["items"]
    assert {
        (each["debit"], each["credit"], each["asset"], each["amount"]) for each in postings if each["cause"] == "trade"
    } == {
        (*people, "CNY", 92_000),
        (people[0], "fees", "CNY", 46),
        (*reversed(people), f"LOT-{receipt['lot_id']}", 400_000),
    }
    database = connect(database_url, read_only=True)
    with database.connect() as connection:
        weights = connection.execute(
            text("SELECT receipt_id, participant_id, weight_g, state FROM receipts ORDER BY receipt_id")
        ).all()
    database.dispose()
    assert weights == [
        (receipt["receipt_id"], grower.participant_id, 940_700, "issued"),
        (bought["receipt_id"], trader.participant_id, 400_000, "issued"),
    ]
