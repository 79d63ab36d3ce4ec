"""What the feed's channels say, told as market stories."""

from typing import Any

import pytest

from marketdata.feed import Feed
from marketdata.messages import AccountChange, TradeBusted
from matching.messages import AuctionUncrossed, InstrumentDefined, PhaseChanged
from tests.marketdata.feed_reader import NOON_NS, SECOND_NS, Reader, checksum_of, on_book, trade


@pytest.fixture
def feed() -> Feed:
    """A has a bid and an ask; B has nothing yet."""
    feed = Feed()
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A"), InstrumentDefined(symbol="B")])
    feed.publish(2, NOON_NS, [on_book(1, "buy", 250, 400)])
    feed.publish(3, NOON_NS, [on_book(2, "sell", 260, 300)])
    return feed


def test_a_book_begins_with_a_snapshot_and_goes_on_by_deltas(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", id=7, channel="book", symbols=["A"], depth=25)
    answer, snapshot = reader.read()
    assert answer == {
        "op": "subscribed",
        "id": 7,
        "channel": "book",
        "symbols": ["A"],
        "resumed": False,
        "rate": 0,
        "depth": 25,
    }
    assert snapshot == {
        "channel": "book",
        "symbol": "A",
        "kind": "snapshot",
        "sequence": 3,
        "previous": None,
        "time_ns": NOON_NS,
        "depth": 25,
        "bids": [[250, 400, 1]],
        "asks": [[260, 300, 1]],
        "checksum": checksum_of({250: (400, 1)}, {260: (300, 1)}),
    }
    feed.publish(4, NOON_NS + 1, [on_book(3, "buy", 251, 10), on_book(4, "buy", 251, 5)])
    feed.publish(5, NOON_NS + 2, [])
    feed.publish(6, NOON_NS + 3, [on_book(2, "sell", 260, 0)])
    first, second = reader.read()
    assert (first["sequence"], first["previous"], first["bids"], first["asks"]) == (4, 3, [[251, 15, 2]], [])
    assert (second["sequence"], second["previous"], second["bids"], second["asks"]) == (6, 4, [], [[260, 0, 0]])
    assert reader.drawn() == "bid 251 15/2\nbid 250 400/1"


def test_a_command_that_changes_nothing_in_the_window_says_nothing(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    reader.read()
    feed.publish(4, NOON_NS, [on_book(3, "buy", 251, 10), on_book(3, "buy", 251, 0)])
    feed.publish(5, NOON_NS, [on_book(9, "buy", 251, 10, symbol="B")])
    assert reader.read() == []


def test_a_level_that_enters_the_window_is_told_and_one_that_leaves_it_is_taken_away(feed: Feed) -> None:
    feed.publish(4, NOON_NS, [on_book(100 + step, "buy", 200 + step, 7) for step in range(30)])
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="book", symbols=["A"], depth=25)
    reader.read()
    assert sorted(reader.bids) == [*range(206, 230), 250]
    feed.publish(5, NOON_NS, [on_book(1, "buy", 250, 0)])
    (delta,) = reader.read()
    assert delta["bids"] == [[250, 0, 0], [205, 7, 1]]
    feed.publish(6, NOON_NS, [on_book(5, "buy", 255, 1), on_book(6, "buy", 254, 1)])
    (delta,) = reader.read()
    assert delta["bids"] == [[255, 1, 1], [254, 1, 1], [206, 0, 0], [205, 0, 0]]
    feed.publish(7, NOON_NS, [on_book(100, "buy", 200, 3)])
    assert reader.read() == [], "out of sight"


def test_an_auction_is_dark_from_its_beginning_to_its_uncross(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    reader.ask(op="subscribe", channel="ticker", symbols=["A"])
    reader.ask(op="subscribe", channel="status", symbols=["A"])
    reader.read()
    feed.publish(4, NOON_NS, [PhaseChanged(symbol="A", phase="auction")])
    book, ticker, status = sorted(reader.read(), key=lambda message: str(message["channel"]).replace("status", "z"))
    assert (book["kind"], book["bids"], book["asks"], book["previous"]) == ("snapshot", [], [], None)
    assert (ticker["bid"], ticker["ask"]) == (None, None)
    assert (status["phase"], status["reason"]) == ("auction", None)

    feed.publish(5, NOON_NS, [on_book(3, "buy", 270, 100)])
    assert reader.read() == [], "the book is crossed, and nobody is told"
    late = Reader(feed)
    late.ask(op="subscribe", channel="book", symbols=["A"])
    assert late.data("book")[0]["bids"] == []

    feed.publish(
        6,
        NOON_NS,
        [
            trade(1, 260, 100, aggressor=None),
            AuctionUncrossed(symbol="A", price=260, quantity=100, surplus=0),
            PhaseChanged(symbol="A", phase="continuous"),
            on_book(2, "sell", 260, 200),
            on_book(3, "buy", 270, 0),
        ],
    )
    (book,) = reader.data("book")
    assert (book["kind"], book["sequence"], book["previous"]) == ("snapshot", 6, None)
    assert reader.drawn() == "ask 260 200/1\nbid 250 400/1"
    late.read()
    assert late.drawn() == reader.drawn()
    feed.publish(7, NOON_NS, [on_book(1, "buy", 250, 300)])
    (book,) = reader.data("book")
    assert (book["kind"], book["previous"]) == ("delta", 6)


def test_a_lane_is_spared_an_auction_that_ends_and_begins_between_its_ticks(feed: Feed) -> None:
    feed.publish(4, NOON_NS, [PhaseChanged(symbol="A", phase="auction")])
    feed.tick(SECOND_NS)
    reader = Reader(feed, lane=4)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    reader.read()
    feed.publish(5, NOON_NS, [PhaseChanged(symbol="A", phase="continuous"), on_book(1, "buy", 250, 1)])
    feed.publish(6, NOON_NS, [PhaseChanged(symbol="A", phase="auction")])
    feed.tick(2 * SECOND_NS)
    assert reader.read() == []
    feed.publish(7, NOON_NS, [PhaseChanged(symbol="A", phase="continuous")])
    feed.tick(3 * SECOND_NS)
    reader.read()
    assert reader.drawn() == "ask 260 300/1\nbid 250 1/1"


def test_a_halted_auction_stays_dark(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    feed.publish(4, NOON_NS, [PhaseChanged(symbol="A", phase="auction")])
    feed.publish(5, NOON_NS, [PhaseChanged(symbol="A", phase="halted"), on_book(3, "buy", 270, 100)])
    reader.read()
    assert reader.drawn() == ""
    # Nothing crosses any more, so nothing uncrosses: trading goes on.
    feed.publish(6, NOON_NS, [on_book(3, "buy", 270, 0)])
    feed.publish(7, NOON_NS, [PhaseChanged(symbol="A", phase="continuous")])
    reader.read()
    assert reader.drawn() == "ask 260 300/1\nbid 250 400/1"


def test_a_halt_of_continuous_trading_leaves_the_book_in_sight(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    reader.read()
    feed.publish(4, NOON_NS, [PhaseChanged(symbol="A", phase="halted")])
    assert reader.read() == []
    assert reader.drawn() == "ask 260 300/1\nbid 250 400/1"


def test_trades_come_one_message_a_command_and_the_snapshot_is_the_last_fifty(feed: Feed) -> None:
    for number in range(1, 61):
        feed.publish(3 + number, NOON_NS + number, [trade(number, 255, number)])
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="trades", symbols=["A"])
    (snapshot,) = reader.data("trades")
    assert [each["trade_id"] for each in snapshot["trades"]] == list(range(11, 61))
    assert snapshot["trades"][-1] == {
        "trade_id": 60,
        "price": 255,
        "quantity": 60,
        "aggressor_side": "buy",
        "time_ns": NOON_NS + 60,
        "busted": False,
    }
    feed.publish(64, NOON_NS + 99, [trade(61, 255, 1), trade(62, 256, 2, aggressor=None)])
    (delta,) = reader.data("trades")
    assert (delta["sequence"], delta["previous"]) == (64, 63)
    assert [(each["trade_id"], each["aggressor_side"]) for each in delta["trades"]] == [(61, "buy"), (62, None)]


def test_the_ticker_is_the_market_in_one_line(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="ticker", symbols=["A"])
    (snapshot,) = reader.data("ticker")
    assert (snapshot["bid"], snapshot["ask"], snapshot["last"], snapshot["vwap"]) == (
        [250, 400],
        [260, 300],
        None,
        None,
    )
    feed.publish(4, NOON_NS, [trade(1, 260, 100), on_book(2, "sell", 260, 200)])
    (delta,) = reader.data("ticker")
    figures = {
        key: delta[key] for key in ("bid", "ask", "last", "open", "high", "low", "volume", "turnover_fen", "vwap")
    }
    assert figures == {
        "bid": [250, 400],
        "ask": [260, 200],
        "last": 260,
        "open": 260,
        "high": 260,
        "low": 260,
        "volume": 100,
        "turnover_fen": 26_000,
        "vwap": 260,
    }
    feed.publish(5, NOON_NS, [on_book(9, "buy", 200, 10)])
    assert reader.data("ticker") == [], "behind the best price"


def test_the_first_command_of_a_day_begins_every_ticker_anew(feed: Feed) -> None:
    feed.publish(4, NOON_NS, [trade(1, 260, 100)])
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="ticker", symbols=["A", "B"])
    reader.read()
    feed.publish(5, NOON_NS + 12 * 3600 * SECOND_NS, [on_book(1, "buy", 240, 1, symbol="B")])
    tickers = {message["symbol"]: message for message in reader.data("ticker")}
    assert (tickers["A"]["volume"], tickers["A"]["open"], tickers["A"]["previous_close"]) == (0, None, 260)
    assert tickers["A"]["sequence"] == 5
    assert tickers["B"]["bid"] == [240, 1]


def test_candles_are_told_whole_when_they_change(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="candles", symbols=["A"], interval="1m")
    (snapshot,) = reader.data("candles")
    assert (snapshot["interval"], snapshot["candles"]) == ("1m", [])
    feed.publish(4, NOON_NS, [trade(1, 260, 100), trade(2, 258, 10)])
    feed.publish(5, NOON_NS + 61 * SECOND_NS, [trade(3, 262, 1)])
    first, second = reader.data("candles")
    assert first["candles"] == [[NOON_NS, 260, 260, 258, 258, 110]]
    assert second["candles"] == [[NOON_NS + 60 * SECOND_NS, 262, 262, 262, 262, 1]]


def test_a_heart_beats_every_second_and_names_the_streams(feed: Feed) -> None:
    reader = Reader(feed)
    feed.tick(10 * SECOND_NS, NOON_NS + 5)
    reader.ask(op="subscribe", id=1, channel="heartbeat")
    reader.ask(op="subscribe", channel="book", symbols=["A", "B"])
    reader.ask(op="subscribe", channel="trades", symbols=["A"])
    reader.read()
    feed.tick(10 * SECOND_NS + SECOND_NS // 2, NOON_NS + 6)
    assert reader.read() == []
    feed.publish(4, NOON_NS + 7, [on_book(1, "buy", 250, 1)])
    feed.tick(11 * SECOND_NS, NOON_NS + 8)
    book, heartbeat = reader.read()
    assert book["sequence"] == 4
    assert heartbeat == {
        "channel": "heartbeat",
        "symbol": None,
        "kind": "snapshot",
        "sequence": 4,
        "previous": None,
        "time_ns": NOON_NS + 8,
        "streams": [["book", "A", 4], ["book", "B", 3], ["trades", "A", 3]],
    }


def test_an_instrument_can_be_read_as_soon_as_it_is_defined(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", id=1, channel="book", symbols=["C"])
    assert reader.answers()[0]["code"] == "unknown_symbol"
    feed.publish(4, NOON_NS, [InstrumentDefined(symbol="C"), PhaseChanged(symbol="C", phase="closed")])
    reader.ask(op="subscribe", id=2, channel="status", symbols=["C"])
    assert reader.data("status")[0]["phase"] == "closed"


def test_one_message_is_made_for_all_who_read_it(feed: Feed) -> None:
    readers = [Reader(feed, framed=True) for _ in range(3)]
    for reader in readers:
        reader.ask(op="subscribe", channel="book", symbols=["A"])
        reader.read()
    for sequence in range(4, 14):
        feed.publish(sequence, NOON_NS, [on_book(1, "buy", 250, sequence)])
    feed.flush()
    assert len({id(part) for reader in readers for part in reader.outlet.parts}) == 1, "the very same bytes"
    assert [reader.outlet.writes for reader in readers] == [2, 2, 2], "ten messages, one write"
    assert [len(reader.read()) for reader in readers] == [10, 10, 10]


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@pytest.mark.parametrize("framed", [False, True])
def test_all_forms_say_the_same(feed: Feed, encoding: str, framed: bool) -> None:
    plain, other = Reader(feed), Reader(feed, encoding=encoding, framed=framed)
    for reader in (plain, other):
        for channel in ("book", "trades", "ticker", "status"):
            reader.ask(op="subscribe", id=1, channel=channel, symbols=["A"])
        reader.ask(op="subscribe", id=1, channel="candles", symbols=["A"], interval="1d")
    feed.publish(4, NOON_NS, [trade(1, 260, 100), *(on_book(10 + n, "sell", 300 + n, 5_000) for n in range(300))])
    feed.publish(5, NOON_NS, [PhaseChanged(symbol="A", phase="auction")])
    assert plain.read() == other.read()


def test_readers_in_a_slower_lane_hear_the_last_word_ten_times_a_second(feed: Feed) -> None:
    feed.tick(SECOND_NS)
    reader = Reader(feed, lane=10)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    reader.ask(op="subscribe", channel="ticker", symbols=["A"])
    reader.ask(op="subscribe", channel="trades", symbols=["A"])
    reader.ask(op="subscribe", channel="status", symbols=["A"])
    assert [message["kind"] for message in reader.read() if "op" not in message] == ["snapshot"] * 4
    for sequence in range(4, 24):
        feed.publish(sequence, NOON_NS, [trade(sequence, 250, 1), on_book(1, "buy", 250, 400 - sequence)])
    feed.publish(24, NOON_NS, [PhaseChanged(symbol="A", phase="halted")])
    assert [message["channel"] for message in reader.read()] == ["status"], "a phase is told at once"
    feed.tick(SECOND_NS + SECOND_NS // 10)
    messages = {message["channel"]: message for message in reader.read()}
    assert messages["book"]["bids"] == [[250, 377, 1]]
    assert (messages["book"]["sequence"], messages["book"]["previous"]) == (24, 3)
    assert messages["ticker"]["volume"] == 20
    assert [each["trade_id"] for each in messages["trades"]["trades"]] == list(range(4, 24)), "not one trade is lost"
    feed.tick(SECOND_NS + 2 * SECOND_NS // 10)
    assert reader.read() == []


def test_a_lane_that_comes_back_to_where_it_was_says_nothing(feed: Feed) -> None:
    reader = Reader(feed, lane=4)
    reader.ask(op="subscribe", channel="book", symbols=["A"])
    reader.read()
    feed.publish(4, NOON_NS, [on_book(1, "buy", 250, 1)])
    feed.publish(5, NOON_NS, [on_book(1, "buy", 250, 400)])
    feed.tick(SECOND_NS)
    assert reader.read() == []


def test_who_joins_a_lane_between_its_ticks_gets_his_snapshot_at_the_next(feed: Feed) -> None:
    feed.tick(SECOND_NS)
    first, second = Reader(feed, lane=4), Reader(feed, lane=4)
    first.ask(op="subscribe", channel="book", symbols=["A"])
    first.read()
    feed.publish(4, NOON_NS, [on_book(1, "buy", 250, 1)])
    second.ask(op="subscribe", channel="book", symbols=["A"])
    assert [message.get("op") for message in second.read()] == ["subscribed"]
    feed.tick(SECOND_NS + SECOND_NS // 4)
    assert [message["kind"] for message in first.read()] == ["delta"]
    assert [message["kind"] for message in second.read()] == ["snapshot"]
    assert first.drawn() == second.drawn() == "ask 260 300/1\nbid 250 1/1"


def test_a_reader_may_ask_for_a_slower_lane_than_his_own_but_not_for_a_faster(feed: Feed) -> None:
    program, phone = Reader(feed, lane=0), Reader(feed, lane=4)
    for reader, rate in ((program, 10), (phone, 0), (phone, 10)):
        reader.ask(op="subscribe", channel="ticker", symbols=["A"], rate=rate)
    assert [answer["rate"] for answer in program.answers()] == [10]
    assert [answer["rate"] for answer in phone.answers()] == [4, 4]


def test_an_account_is_told_what_happens_to_it_in_all_its_connections() -> None:
    state: dict[str, Any] = {"orders": [{"order_id": 5}], "balances": [{"asset": "CNY", "total": 100}]}
    feed = Feed(account_snapshot=lambda participant_id: state if participant_id == 7 else {})
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A")])
    feed.publish_account(7, 1, NOON_NS, [AccountChange(order={"order_id": 4})])  # nobody reads
    desk, phone, other = Reader(feed), Reader(feed, lane=4, encoding="msgpack"), Reader(feed)
    for reader, participant_id in ((desk, 7), (phone, 7), (other, 8)):
        reader.ask(op="subscribe", id=1, channel="account")
        assert reader.answers()[0]["code"] == "not_signed_in"
        reader.connection.sign_in(participant_id)
    for reader in (desk, phone):
        reader.ask(op="subscribe", id=2, channel="account")
        answer, snapshot = reader.read()
        assert (answer["op"], answer["symbols"]) == ("subscribed", [])
        assert (snapshot["symbol"], snapshot["kind"], snapshot["sequence"]) == (None, "snapshot", 1)
        assert snapshot["orders"] == state["orders"]
        assert snapshot["balances"] == state["balances"]
    changes = [
        AccountChange(order={"order_id": 5}),
        AccountChange(fill={"trade_id": 1}),
        AccountChange(balance={"x": 1}),
    ]
    feed.publish(2, NOON_NS, [])
    feed.publish_account(7, 2, NOON_NS, changes)
    feed.publish(3, NOON_NS, [])
    feed.publish_account(7, 3, NOON_NS, changes[:1])
    for reader in (desk, phone):
        messages = reader.data("account")
        assert [(each["sequence"], each["previous"]) for each in messages] == [(2, 1), (2, 2), (2, 2), (3, 2)]
        assert [set(each) & {"order", "fill", "balance"} for each in messages] == [
            {"order"},
            {"fill"},
            {"balance"},
            {"order"},
        ]
    assert other.read() == []


def test_an_account_that_was_read_in_part_is_resumed_in_whole() -> None:
    feed = Feed()
    feed.publish(1, NOON_NS, [])
    reader = Reader(feed)
    reader.connection.sign_in(7)
    reader.ask(op="subscribe", channel="account")
    reader.read()
    feed.publish_account(7, 2, NOON_NS, [AccountChange(order={"order_id": number}) for number in (1, 2, 3)])
    feed.publish_account(7, 3, NOON_NS, [AccountChange(order={"order_id": 4})])
    reader.read()
    # The connection broke when the first message of sequence 2 had come.
    again = Reader(feed)
    again.last["account", None] = 2
    again.connection.sign_in(7)
    again.ask(op="subscribe", channel="account", resume_from=2)
    answer, *messages = again.read()
    assert answer["resumed"] is True
    assert [each["order"]["order_id"] for each in messages] == [2, 3, 4]


def test_signing_in_as_another_ends_the_account_of_the_first() -> None:
    feed = Feed()
    reader = Reader(feed)
    reader.connection.sign_in(7)
    reader.ask(op="subscribe", channel="account")
    reader.read()
    reader.connection.sign_in(8)
    feed.publish_account(7, 2, NOON_NS, [AccountChange(order={"order_id": 1})])
    assert reader.read() == []


def test_a_loaded_feed_goes_on_like_one_that_was_told_everything() -> None:
    told = Feed()
    told.publish(1, NOON_NS, [InstrumentDefined(symbol="A"), PhaseChanged(symbol="A", phase="halted")])
    told.publish(2, NOON_NS, [on_book(1, "buy", 250, 400), trade(1, 250, 10)])
    loaded = Feed()
    (instrument,) = told.instruments.values()
    loaded.load("A", phase="halted", orders=[on_book(1, "buy", 250, 400)], trades=list(instrument.trades))
    loaded.begin(2, NOON_NS)
    loaded.check()
    seen = []
    for feed in (told, loaded):
        reader = Reader(feed)
        for channel in ("book", "trades", "ticker", "status"):
            reader.ask(op="subscribe", channel=channel, symbols=["A"])
        reader.ask(op="subscribe", channel="candles", symbols=["A"], interval="1w")
        feed.publish(3, NOON_NS, [on_book(2, "sell", 251, 5), trade(2, 251, 5)])
        seen.append(reader.read())
    assert seen[0] == seen[1]


def test_sequences_only_go_up(feed: Feed) -> None:
    with pytest.raises(ValueError, match="sequence 3 after 3"):
        feed.publish(3, NOON_NS, [])


def test_a_trade_that_is_taken_back_is_told_again_and_counts_no_more(feed: Feed) -> None:
    feed.publish(4, NOON_NS, [trade(1, 250, 10)])
    feed.publish(5, NOON_NS + SECOND_NS, [trade(2, 999, 5)])
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="trades", symbols=["A"])
    reader.ask(op="subscribe", channel="ticker", symbols=["A"])
    reader.ask(op="subscribe", channel="candles", symbols=["A"], interval="1m")
    reader.read()
    busted = TradeBusted(
        symbol="A", trade_id=2, price=999, quantity=5, aggressor_side="buy", traded_ns=NOON_NS + SECOND_NS
    )
    feed.publish(6, NOON_NS + 90 * SECOND_NS, [busted])
    told = {message["channel"]: message for message in reader.read()}
    assert told["trades"]["trades"] == [
        {
            "trade_id": 2,
            "price": 999,
            "quantity": 5,
            "aggressor_side": "buy",
            "time_ns": NOON_NS + SECOND_NS,
            "busted": True,
        }
    ]
    ticker = told["ticker"]
    assert (ticker["last"], ticker["high"], ticker["volume"], ticker["turnover_fen"]) == (250, 250, 10, 2_500)
    assert told["candles"]["candles"] == [[NOON_NS, 250, 250, 250, 250, 10]]
    late = Reader(feed)
    late.ask(op="subscribe", channel="trades", symbols=["A"])
    assert [(each["trade_id"], each["busted"]) for each in late.read()[1]["trades"]] == [(1, False), (2, True)]
    feed.instruments["A"].check()


def test_a_slow_candle_stream_tells_the_earliest_candle_that_changed(feed: Feed) -> None:
    feed.publish(4, NOON_NS, [trade(1, 250, 10)])
    feed.publish(5, NOON_NS, [trade(2, 999, 5)])
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="candles", symbols=["A"], interval="1m", rate=4)
    reader.read()
    later_ns = NOON_NS + 120 * SECOND_NS
    feed.publish(6, later_ns, [trade(3, 260, 1)])
    busted = TradeBusted(symbol="A", trade_id=2, price=999, quantity=5, aggressor_side=None, traded_ns=NOON_NS)
    feed.publish(7, later_ns, [busted])
    feed.tick(SECOND_NS)
    candles = [row for message in reader.read() for row in message.get("candles", [])]
    assert [NOON_NS, 250, 250, 250, 250, 10] in candles
