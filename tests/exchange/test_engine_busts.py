"""An operator takes trades back: everything returns to the fen and the gram, or nothing happens."""

from typing import Any

import pytest

from exchange.engine import Engine
from settlement.messages import (
    BalanceChanged,
    BustTrade,
    CashAdjusted,
    LedgerPosted,
    ReceiptChanged,
    RequestRefused,
    TradeBusted,
    TradeSettled,
)
from tests.exchange.floor import CHEN, DAY_NS, HOUR_NS, LI, OPERATOR, SYMBOL, WANG, Floor, told


def trading_floor(**fees: int) -> Floor:
    """Chen has 10 t in receipt 1, Li and Wang 10,000 yuan each."""
    floor = Floor(**fees)
    floor.receipt(CHEN)
    floor.deposit(LI, 1_000_000)
    floor.deposit(WANG, 1_000_000)
    return floor


def trade(floor: Floor, quantity: int = 1_000, price: int = 250, buyer: int = LI, seller: int = CHEN) -> TradeSettled:
    floor.sell(seller, quantity, price)
    floor.buy(buyer, quantity, price)
    settled: TradeSettled = floor.only(TradeSettled)
    return settled


def test_money_fees_and_goods_return_the_way_they_came() -> None:
    floor = trading_floor()
    settled = trade(floor)
    assert floor.money(CHEN) == (249_875, 0)
    floor.bust(settled.trade_id)

    kinds = [type(event) for event in floor.events]
    assert kinds == [TradeBusted, LedgerPosted, ReceiptChanged, ReceiptChanged, *([BalanceChanged] * 4)]
    busted = floor.only(TradeBusted)
    assert (busted.trade, busted.traded_ns, busted.operator_id) == (settled, floor.time_ns, OPERATOR)
    assert busted.lots == ((2, 3, 1_000),)
    posted = floor.only(LedgerPosted)
    assert (posted.cause, posted.reference_id) == ("bust", settled.trade_id)
    assert told(posted.transfers) == [
        "CNY fees -> participant:3 125",
        "CNY fees -> participant:4 125",
        "CNY participant:3 -> participant:4 250000",
        "LOT-1 participant:4 -> participant:3 1000000",
    ]
    given, taken = floor.all(ReceiptChanged)
    assert (given.cause, given.receipt.receipt_id, given.receipt.state) == ("returned", 2, "split")
    assert (taken.cause, taken.receipt.receipt_id, taken.receipt.parent_receipt_id) == ("returned", 3, 2)
    assert (taken.receipt.participant_id, taken.receipt.weight_g, taken.receipt.lot_id) == (CHEN, 1_000_000, 1)
    assert floor.money(CHEN) == (0, 0)
    assert floor.money(LI) == (1_000_000, 0)
    assert floor.goods(CHEN) == (10_000_000, 0)
    assert floor.goods(LI) == (0, 0)


def test_a_trade_of_several_lots_returns_each() -> None:
    floor = trading_floor()
    floor.receipt(CHEN, 500_000, harvest_date="2026-11-19")
    settled = trade(floor, 700, 100)
    assert [kilograms for _, _, kilograms in settled.lots] == [500, 200]
    floor.bust(settled.trade_id)
    assert [kilograms for _, _, kilograms in floor.only(TradeBusted).lots] == [500, 200]
    assert floor.goods(CHEN) == (10_500_000, 0)


def test_a_trade_is_taken_back_once() -> None:
    floor = trading_floor()
    trade(floor)
    floor.bust(1)
    floor.bust(1)
    assert floor.refusal() == ("already_busted", "trade_id")
    floor.bust(2)
    assert floor.refusal() == ("unknown_trade", "trade_id")


def test_only_an_operator_takes_trades_back() -> None:
    floor = trading_floor()
    trade(floor)
    floor.bust(1, operator_id=LI)
    assert floor.refusal() == ("wrong_role", "operator_id")
    floor.bust(1, operator_id=99)
    assert floor.refusal() == ("unknown_participant", "operator_id")


def sold_on(floor: Floor) -> None:
    floor.sell(LI, 1, 250)
    floor.buy(WANG, 1, 250)


def offered(floor: Floor) -> None:
    floor.sell(LI, 1, 300)


def ordered_out(floor: Floor) -> None:
    floor.order_delivery(LI, 2)


def expired(floor: Floor) -> None:
    """Most of a life of 28 days had passed when the trade was made."""
    floor.wait_until(floor.engine.receipts(LI)[0].expires_ns)


@pytest.mark.parametrize("move", [sold_on, offered, ordered_out, expired])
def test_goods_that_have_moved_stay_where_they_are(move: Any) -> None:
    floor = trading_floor()
    floor.time_ns = floor.engine.receipts(CHEN)[0].expires_ns - HOUR_NS
    trade(floor)
    move(floor)
    before = floor.engine.snapshot()
    floor.bust(1)
    assert floor.refusal() == ("goods_moved", "trade_id")
    again = Engine.restore(before)
    again.execute(floor.commands[-1][0], again.sequence + 1, floor.time_ns)
    assert again.snapshot() == floor.engine.snapshot()


def test_an_offer_that_is_withdrawn_leaves_the_goods_free_again() -> None:
    floor = trading_floor()
    trade(floor)
    offer = floor.sell(LI, 1, 300)
    floor.cancel(offer)
    floor.bust(1)
    assert floor.only(TradeBusted)


def test_proceeds_that_are_spent_or_promised_cannot_return() -> None:
    """Chen has bid with the money that the trade brought."""
    floor = trading_floor()
    trade(floor)
    bid = floor.buy(CHEN, 1, 200)
    floor.bust(1)
    assert floor.refusal() == ("funds_moved", "trade_id")
    floor.cancel(bid)
    floor.bust(1)
    assert floor.only(TradeBusted)


def test_a_trade_older_than_a_day_stands() -> None:
    floor = trading_floor()
    trade(floor)
    floor.wait_until(floor.time_ns + DAY_NS - 1)
    trade(floor)
    floor.wait_until(floor.time_ns + 1)
    floor.bust(1)
    assert floor.refusal() == ("too_old", "trade_id")
    floor.bust(2)
    assert floor.only(TradeBusted)


def test_of_many_trades_the_last_can_be_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("settlement.busts.MAXIMUM_REMEMBERED", 3)
    floor = trading_floor()
    for _ in range(4):
        trade(floor, 1)
    floor.bust(1)
    assert floor.refusal() == ("too_old", "trade_id")
    floor.bust(2)
    assert floor.only(TradeBusted)


def test_an_order_that_lives_on_pays_what_it_would_have_paid() -> None:
    """Li bids for 300; the first fill of 100 is taken back, with its fee; the rest costs what it was reserved for."""
    floor = trading_floor(fee_minimum_fen=20)
    floor.sell(CHEN, 100, 300)
    bid = floor.buy(LI, 300, 300)
    assert (bid.filled, bid.fee_fen) == (100, 20)
    floor.bust(1)
    live = floor.engine.live_order(bid.order_id)
    assert live is not None
    assert (live.filled, live.remaining, live.fee_fen) == (100, 200, 20)
    assert floor.money(LI) == (1_000_000, 60_000 + 25)
    floor.sell(CHEN, 200, 300)
    assert floor.money(LI) == (1_000_000 - 60_025, 0)


def test_a_bust_is_remembered_over_a_restart() -> None:
    floor = trading_floor()
    trade(floor)
    trade(floor)
    floor.bust(1)
    restored = Engine.restore(floor.engine.snapshot())
    restored.audit()
    assert restored.state_hash() == floor.engine.state_hash()
    floor.engine = restored
    floor.bust(1)
    assert floor.refusal() == ("already_busted", "trade_id")
    floor.bust(2)
    assert floor.only(TradeBusted)


def test_the_state_hash_tells_a_bust() -> None:
    """Money and goods alone could come back by other ways."""
    floor = trading_floor()
    trade(floor)
    before = floor.engine.state_hash()
    floor.bust(1)
    assert floor.engine.state_hash() != before


def test_an_adjustment_moves_free_money_once() -> None:
    floor = trading_floor()
    assert [type(event) for event in floor.adjust(LI, CHEN, 400)] == [
        CashAdjusted,
        LedgerPosted,
        BalanceChanged,
        BalanceChanged,
    ]
    posted = floor.only(LedgerPosted)
    assert (posted.cause, posted.reference_id) == ("adjustment", 1)
    assert told(posted.transfers) == ["CNY participant:4 -> participant:3 400"]
    assert (floor.money(LI), floor.money(CHEN)) == ((999_600, 0), (400, 0))
    floor.adjust(LI, CHEN, 400)
    assert floor.refusal() == ("duplicate_reference", "reference")
    floor.adjust(WANG, CHEN, 1, "case-2")
    assert floor.only(LedgerPosted).reference_id == 2


def test_adjustments_that_cannot_be() -> None:
    floor = trading_floor()
    floor.buy(LI, 1_000, 250)
    free_fen = 1_000_000 - 250_125
    floor.adjust(LI, CHEN, free_fen + 1)
    assert floor.refusal() == ("insufficient_funds", "amount_fen")
    floor.adjust(99, CHEN, 1)
    assert floor.refusal() == ("unknown_participant", "debit_id")
    floor.adjust(LI, 99, 1)
    assert floor.refusal() == ("unknown_participant", "credit_id")
    floor.adjust(LI, LI, 1)
    assert floor.refusal() == ("same_participant", "credit_id")
    floor.adjust(LI, CHEN, free_fen)
    assert floor.money(LI) == (250_125, 250_125)


def test_a_venue_without_rules_takes_nothing_back() -> None:
    events = Engine().execute(BustTrade(operator_id=1, trade_id=1, reason="x"), 1, 1)
    assert events == (RequestRefused(command="bust_trade", reason="venue_not_configured"),)


def test_what_the_market_says_of_its_last_price_stays() -> None:
    floor = trading_floor()
    trade(floor, price=999, quantity=1)
    floor.bust(1)
    view = floor.engine.market.instrument(SYMBOL)
    assert view is not None
    assert view.last_price == 999
