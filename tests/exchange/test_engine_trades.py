"""Delivery against payment: trades told by their ledger entries, to the fen and to the gram."""

from matching.messages import OrderAccepted, OrderAmended, OrderCancelled, SelfTradePrevented, TradeExecuted
from settlement.messages import (
    BalanceChanged,
    ExecutionReport,
    LedgerPosted,
    LotsDelivered,
    ReceiptChanged,
    TradeSettled,
)
from tests.exchange.floor import CHEN, LI, SYMBOL, WANG, Floor, told


def test_a_trade_moves_cash_fees_and_title_together() -> None:
    """Chen offers 3 t at 2.50 yuan; Li buys 1 t with a limit of 2.60 and pays 2.50."""
    floor = Floor()
    receipt_id = floor.receipt(CHEN, 10_000_000)
    floor.deposit(LI, 1_000_000)
    offer = floor.sell(CHEN, 3_000, 250)
    bid = floor.buy(LI, 1_000, 260)

    kinds = [type(event) for event in floor.events]
    assert kinds == [
        OrderAccepted,
        TradeExecuted,
        LotsDelivered,
        LedgerPosted,
        ReceiptChanged,
        ReceiptChanged,
        TradeSettled,
        ExecutionReport,
        ExecutionReport,
        BalanceChanged,
        BalanceChanged,
        BalanceChanged,
        BalanceChanged,
    ]
    posted = floor.only(LedgerPosted)
    assert (posted.cause, posted.reference_id) == ("trade", 1)
    assert told(posted.transfers) == [
        "CNY participant:4 -> participant:3 250000",
        "CNY participant:4 -> fees 125",
        "CNY participant:3 -> fees 125",
        "LOT-1 participant:3 -> participant:4 1000000",
    ]
    assert floor.only(LotsDelivered).lots == ((receipt_id, 1_000),)
    settled = floor.only(TradeSettled)
    assert (settled.buyer_id, settled.seller_id, settled.aggressor_side) == (LI, CHEN, "buy")
    assert (settled.amount_fen, settled.buyer_fee_fen, settled.seller_fee_fen) == (250_000, 125, 125)
    assert settled.lots == ((receipt_id, 2, 1_000),)

    sold, bought = (changed.receipt for changed in floor.all(ReceiptChanged))
    assert (sold.receipt_id, sold.weight_g, sold.reserved_g, sold.state) == (1, 9_000_000, 2_000_000, "issued")
    assert (bought.receipt_id, bought.parent_receipt_id, bought.participant_id) == (2, 1, LI)
    assert (bought.weight_g, bought.reserved_g, bought.state) == (1_000_000, 0, "issued")
    assert bought.expires_ns == sold.expires_ns

    resting, own = floor.all(ExecutionReport)
    assert (resting.order_id, resting.status, resting.filled, resting.remaining) == (
        offer.order_id,
        "partly_filled",
        1_000,
        2_000,
    )
    assert (resting.displayed, resting.lots) == (2_000, ((1, 2_000),))
    assert (own.order_id, own.status, own.traded_fen, own.fee_fen) == (bid.order_id, "filled", 250_000, 125)
    assert floor.all(BalanceChanged) == [
        BalanceChanged(LI, "CNY", 749_875, 0),
        BalanceChanged(CHEN, "CNY", 249_875, 0),
        BalanceChanged(LI, SYMBOL, 1_000_000, 0),
        BalanceChanged(CHEN, SYMBOL, 9_000_000, 2_000_000),
    ]
    assert floor.book() == "250   2000\n---"


def test_an_order_pays_one_fee_on_all_it_trades_in_however_many_fills() -> None:
    """At 0.05 %, three fills of 100 kg at 1.01 yuan cost 15.15 fen, rounded up once to 16 and not to three times 6."""
    floor = Floor()
    floor.receipt(CHEN)
    floor.deposit(LI, 1_000_000)
    bid = floor.buy(LI, 300, 101)
    assert floor.money(LI) == (1_000_000, 30_300 + 16)
    fees = []
    reserved = []
    for _ in range(3):
        floor.sell(CHEN, 100, 101)
        fees.append(floor.only(TradeSettled).buyer_fee_fen)
        reserved.append(floor.money(LI)[1])
    assert fees == [6, 5, 5]
    assert reserved == [20_200 + 10, 10_100 + 5, 0]
    assert floor.money(LI) == (1_000_000 - 30_316, 0)
    assert floor.engine.live_order(bid.order_id) is None


def test_the_least_fee_is_taken_once_an_order_has_traded_and_covers_what_follows() -> None:
    floor = Floor(fee_minimum_fen=20)
    floor.receipt(CHEN)
    floor.deposit(LI, 100_000)
    floor.buy(LI, 100, 300)
    assert floor.money(LI) == (100_000, 30_000 + 20)
    floor.sell(CHEN, 50, 300)
    assert floor.only(TradeSettled).buyer_fee_fen == 20
    assert floor.money(LI) == (100_000 - 15_020, 15_000)
    floor.sell(CHEN, 50, 300)
    assert floor.only(TradeSettled).buyer_fee_fen == 0
    assert floor.money(LI) == (100_000 - 30_020, 0)


def test_a_seller_never_pays_more_than_the_proceeds() -> None:
    """One kilogram at one fen, a fee of at least 20: the seller gets nothing but owes nothing, the buyer pays it."""
    floor = Floor(fee_minimum_fen=20)
    floor.receipt(CHEN)
    floor.deposit(LI, 1_000)
    floor.sell(CHEN, 30, 1)
    floor.buy(LI, 1, 1)
    assert told(floor.only(LedgerPosted).transfers) == [
        "CNY participant:4 -> participant:3 1",
        "CNY participant:4 -> fees 20",
        "CNY participant:3 -> fees 1",
        "LOT-1 participant:3 -> participant:4 1000",
    ]
    # The same offer sells 29 kg more: of its 30 fen in all, 20 are the fee.
    floor.buy(LI, 29, 1)
    assert floor.only(TradeSettled).seller_fee_fen == 19
    assert floor.money(CHEN) == (10, 0)


def test_without_a_fee_no_transfer_of_nothing_is_posted() -> None:
    floor = Floor(fee_rate_ppm=0)
    floor.receipt(CHEN)
    floor.deposit(LI, 100_000)
    floor.sell(CHEN, 10, 250)
    floor.buy(LI, 10, 250)
    assert told(floor.only(LedgerPosted).transfers) == [
        "CNY participant:4 -> participant:3 2500",
        "LOT-1 participant:3 -> participant:4 10000",
    ]


def test_an_offer_over_several_receipts_delivers_the_oldest_harvest_first() -> None:
    """Saturday's receipt was issued first, but Friday's bananas go first; less than a kilogram stays behind."""
    floor = Floor()
    saturday = floor.receipt(CHEN, 5_000_000, harvest_date="2026-11-21")
    friday = floor.receipt(CHEN, 2_000_990, harvest_date="2026-11-20")
    floor.deposit(LI, 1_000_000)
    offer = floor.sell(CHEN, 3_000, 250)
    assert offer.lots == ((friday, 2_000), (saturday, 1_000))
    floor.buy(LI, 2_500, 250)
    assert floor.only(LotsDelivered).lots == ((friday, 2_000), (saturday, 500))
    assert floor.only(TradeSettled).lots == ((friday, 3, 2_000), (saturday, 4, 500))
    assert told(floor.only(LedgerPosted).transfers)[3:] == [
        "LOT-2 participant:3 -> participant:4 2000000",
        "LOT-1 participant:3 -> participant:4 500000",
    ]
    assert floor.held(CHEN) == [(saturday, 4_500_000, 500_000), (friday, 990, 0)]
    assert floor.held(LI) == [(3, 2_000_000, 0), (4, 500_000, 0)]


def test_a_receipt_sold_to_the_last_gram_is_split_and_gone() -> None:
    floor = Floor()
    receipt_id = floor.receipt(CHEN, 1_000_000)
    floor.deposit(LI, 1_000_000)
    floor.sell(CHEN, 1_000, 250)
    floor.buy(LI, 1_000, 250)
    sold, bought = (changed.receipt for changed in floor.all(ReceiptChanged))
    assert (sold.receipt_id, sold.weight_g, sold.state) == (receipt_id, 0, "split")
    assert floor.engine.receipt(receipt_id) is None
    assert floor.held(LI) == [(bought.receipt_id, 1_000_000, 0)]
    assert floor.all(BalanceChanged)[-1] == BalanceChanged(CHEN, SYMBOL, 0, 0)


def test_the_seller_may_name_the_receipts_and_their_order() -> None:
    floor = Floor()
    first = floor.receipt(CHEN, 1_000_000)
    second = floor.receipt(CHEN, 1_000_000)
    third = floor.receipt(CHEN, 1_000_000)
    floor.deposit(LI, 1_000_000)
    offer = floor.sell(CHEN, 1_500, 250, lots=(third, first))
    assert offer.lots == ((third, 1_000), (first, 500))
    floor.buy(LI, 1_200, 250)
    assert floor.only(LotsDelivered).lots == ((third, 1_000), (first, 200))
    assert floor.held(CHEN) == [(first, 800_000, 300_000), (second, 1_000_000, 0)]


def test_what_was_bought_can_be_sold_on_at_once() -> None:
    floor = Floor()
    floor.receipt(CHEN)
    floor.deposit(LI, 1_000_000)
    floor.deposit(WANG, 1_000_000)
    floor.sell(CHEN, 100, 200)
    floor.buy(LI, 100, 200)
    floor.buy(WANG, 60, 210)
    resale = floor.sell(LI, 100, 205)
    assert resale.status == "partly_filled"
    assert floor.only(TradeSettled).price == 210
    assert floor.held(WANG) == [(3, 60_000, 0)]
    assert floor.money(LI) == (1_000_000 - 20_000 - 10 + 12_600 - 7, 0)


def test_one_order_that_sweeps_the_book_is_reported_once_and_last() -> None:
    floor = Floor()
    floor.receipt(CHEN)
    floor.deposit(LI, 10_000_000)
    offers = [floor.sell(CHEN, 100, price) for price in (250, 251, 252)]
    sweep = floor.buy(LI, 250, 255)
    assert [report.order_id for report in floor.all(ExecutionReport)] == [
        *(offer.order_id for offer in offers),
        sweep.order_id,
    ]
    assert (sweep.filled, sweep.traded_fen) == (250, 25_000 + 25_100 + 12_600)
    assert len(floor.all(BalanceChanged)) == 4


def test_an_uncross_settles_at_one_price_and_frees_the_rest() -> None:
    floor = Floor()
    floor.receipt(CHEN)
    floor.deposit(LI, 1_000_000)
    floor.phase("auction")
    floor.sell(CHEN, 100, 240)
    floor.buy(LI, 100, 260)
    assert floor.money(LI) == (1_000_000, 26_013)
    floor.phase("continuous")
    trade = floor.only(TradeSettled)
    assert trade.aggressor_side is None
    assert floor.money(LI) == (1_000_000 - trade.amount_fen - trade.buyer_fee_fen, 0)


def test_an_order_never_trades_with_its_owner_and_decrement_frees_both_sides() -> None:
    floor = Floor()
    floor.receipt(CHEN)
    floor.deposit(CHEN, 1_000_000)
    offer = floor.sell(CHEN, 100, 250)
    bid = floor.buy(CHEN, 30, 250, self_trade="decrement")
    assert floor.only(SelfTradePrevented).quantity == 30
    assert (bid.status, bid.reason, bid.quantity, bid.filled) == ("cancelled", "self_trade", 0, 0)
    lowered = floor.engine.live_order(offer.order_id)
    assert lowered is not None
    assert (lowered.quantity, lowered.remaining, lowered.lots) == (70, 70, ((1, 70),))
    assert floor.money(CHEN) == (1_000_000, 0)
    assert floor.goods(CHEN) == (10_000_000, 70_000)


def test_an_order_lowered_by_its_owner_and_then_filled_by_others_is_filled() -> None:
    floor = Floor()
    floor.receipt(CHEN)
    floor.deposit(LI, 1_000_000)
    floor.sell(CHEN, 50, 251)
    floor.buy(LI, 10, 251)
    floor.sell(LI, 10, 250)
    bid = floor.buy(LI, 40, 251, self_trade="decrement")
    assert (bid.status, bid.reason, bid.quantity, bid.filled) == ("filled", None, 30, 30)
    assert floor.money(LI)[1] == 0


class TestChangesOfMind:
    def test_cancelling_frees_what_was_held(self) -> None:
        floor = Floor()
        floor.receipt(CHEN)
        floor.deposit(LI, 1_000_000)
        offer, bid = floor.sell(CHEN, 100, 260), floor.buy(LI, 100, 250)
        assert (floor.goods(CHEN)[1], floor.money(LI)[1]) == (100_000, 25_013)
        assert (floor.cancel(bid).status, floor.cancel(offer).status) == ("cancelled", "cancelled")
        assert (floor.goods(CHEN)[1], floor.money(LI)[1]) == (0, 0)

    def test_amending_up_reserves_more_and_down_frees_the_last_reserved(self) -> None:
        floor = Floor()
        first = floor.receipt(CHEN, 100_000)
        second = floor.receipt(CHEN, 100_000)
        offer = floor.sell(CHEN, 80, 260)
        floor.amend(offer, quantity=150)
        assert floor.only(ExecutionReport).lots == ((first, 100), (second, 50))
        floor.amend(offer, quantity=110)
        assert floor.only(ExecutionReport).lots == ((first, 100), (second, 10))
        floor.amend(offer, quantity=90)
        assert floor.held(CHEN) == [(first, 100_000, 90_000), (second, 100_000, 0)]

    def test_an_offer_that_named_its_receipts_stays_on_them(self) -> None:
        floor = Floor()
        named = floor.receipt(CHEN, 100_000)
        floor.receipt(CHEN, 100_000)
        offer = floor.sell(CHEN, 80, 260, lots=(named,))
        assert floor.amend(offer, quantity=101)[0].reason == "insufficient_goods"
        floor.amend(offer, quantity=100)
        assert floor.only(ExecutionReport).lots == ((named, 100),)

    def test_a_higher_price_reserves_the_difference_first(self) -> None:
        floor = Floor(fee_rate_ppm=0)
        floor.receipt(CHEN)
        floor.deposit(LI, 26_000)
        bid = floor.buy(LI, 100, 250)
        assert floor.amend(bid, price=261)[0].reason == "insufficient_funds"
        assert floor.money(LI) == (26_000, 25_000)
        floor.amend(bid, price=260)
        assert floor.money(LI) == (26_000, 26_000)
        floor.amend(bid, price=240, quantity=90)
        assert floor.money(LI) == (26_000, 21_600)

    def test_an_amendment_that_crosses_trades(self) -> None:
        floor = Floor()
        floor.receipt(CHEN)
        floor.deposit(LI, 1_000_000)
        floor.sell(CHEN, 60, 255)
        bid = floor.buy(LI, 100, 250)
        floor.amend(bid, price=256)
        assert type(floor.events[0]) is OrderAmended
        assert floor.only(TradeSettled).price == 255
        assert floor.all(ExecutionReport)[-1].order_id == bid.order_id
        assert floor.money(LI) == (1_000_000 - 15_300 - 8, 40 * 256 + 5)

    def test_a_total_at_or_below_what_is_filled_cancels_the_rest(self) -> None:
        floor = Floor()
        floor.receipt(CHEN)
        floor.deposit(LI, 1_000_000)
        bid = floor.buy(LI, 100, 250)
        floor.sell(CHEN, 40, 250)
        floor.amend(bid, quantity=40)
        report = floor.only(ExecutionReport)
        assert (report.status, report.reason, report.filled) == ("cancelled", "amended_below_filled", 40)
        assert floor.only(OrderCancelled).quantity == 60
        assert floor.money(LI)[1] == 0

    def test_an_iceberg_reserves_its_hidden_part_and_shows_its_tip(self) -> None:
        floor = Floor()
        floor.receipt(CHEN)
        floor.deposit(LI, 1_000_000)
        offer = floor.sell(CHEN, 100, 250, display_quantity=10)
        assert (offer.displayed, floor.goods(CHEN)[1]) == (10, 100_000)
        floor.buy(LI, 15, 250)
        report = floor.all(ExecutionReport)[0]
        assert (report.displayed, report.remaining) == (5, 85)
        # An uncross gives it a full tip, although it had no part in it.
        floor.phase("auction")
        floor.phase("continuous")
        assert floor.only(ExecutionReport).displayed == 10

    def test_a_mass_cancel_reports_each_order(self) -> None:
        floor = Floor()
        floor.receipt(CHEN)
        offers = [floor.sell(CHEN, 10, price).order_id for price in (255, 254, 253)]
        floor.cancel_all(CHEN)
        assert [(report.order_id, report.reason) for report in floor.all(ExecutionReport)] == [
            (order_id, "mass_cancel") for order_id in offers
        ]
        assert floor.all(BalanceChanged) == [BalanceChanged(CHEN, SYMBOL, 10_000_000, 0)]


class TestBuysWithoutALimit:
    def test_a_market_buy_reserves_exactly_what_it_walks(self) -> None:
        floor = Floor()
        floor.receipt(CHEN)
        floor.sell(CHEN, 10, 250)
        floor.sell(CHEN, 10, 300)
        cost_fen = 2_500 + 1_500
        floor.deposit(LI, cost_fen + 1)
        assert floor.buy(LI, 15, None, kind="market").reason == "insufficient_funds"
        floor.deposit(LI, 1)
        bought = floor.buy(LI, 15, None, kind="market")
        assert (bought.status, bought.traded_fen, bought.fee_fen) == ("filled", cost_fen, 2)
        assert floor.money(LI) == (0, 0)

    def test_what_a_market_buy_cannot_fill_is_cancelled_and_costs_nothing(self) -> None:
        floor = Floor()
        floor.receipt(CHEN)
        floor.deposit(LI, 10_000)
        floor.sell(CHEN, 10, 250)
        bought = floor.buy(LI, 15, None, kind="market")
        assert (bought.status, bought.reason, bought.filled) == ("cancelled", "no_liquidity", 10)
        assert floor.money(LI) == (10_000 - 2_502, 0)

    def test_in_an_auction_it_needs_a_band_whose_top_it_reserves(self) -> None:
        floor = Floor()
        floor.receipt(CHEN)
        floor.deposit(LI, 100_000)
        floor.phase("auction")
        assert floor.buy(LI, 10, None, kind="market").reason == "no_price_bound"
        floor.phase("closed")
        floor.define(reference_price=250, band=50, phase="auction")
        waiting = floor.buy(LI, 10, None, kind="market")
        assert (waiting.status, waiting.displayed) == ("accepted", 0)
        assert floor.money(LI) == (100_000, 3_002)
        floor.sell(CHEN, 10, 240)
        floor.phase("continuous")
        assert floor.only(TradeSettled).price == 240
        assert floor.money(LI) == (100_000 - 2_402, 0)

    def test_a_cascade_of_stops_never_wants_cash(self) -> None:
        """Each stop has reserved the band's top, so each can pay for what the one before it did to the price."""
        floor = Floor(fee_rate_ppm=0)
        floor.receipt(CHEN)
        floor.phase("closed")
        floor.define(reference_price=250, band=50, phase="continuous")
        for price in (250, 260, 280, 300):
            floor.sell(CHEN, 10, price)
        floor.deposit(LI, 10 * 300 + 10 * 300)
        first = floor.buy(LI, 10, None, kind="stop", stop_price=250)
        second = floor.buy(LI, 10, None, kind="stop", stop_price=260)
        assert (first.status, second.status) == ("accepted", "accepted")
        assert floor.buy(LI, 1, 240).reason == "insufficient_funds"
        floor.deposit(WANG, 2_500)
        floor.buy(WANG, 10, 250)
        assert [settled.price for settled in floor.all(TradeSettled)] == [250, 260, 280]
        assert floor.money(LI) == (6_000 - 2_600 - 2_800, 0)
        assert floor.book() == "300     10\n---"

    def test_a_new_definition_moves_the_bound_or_ends_the_order(self) -> None:
        floor = Floor(fee_rate_ppm=0)
        floor.receipt(CHEN)
        floor.phase("closed")
        floor.define(reference_price=250, band=50)
        floor.deposit(LI, 3_200)
        floor.buy(LI, 10, None, kind="stop", stop_price=270)
        floor.phase("closed")
        floor.define(reference_price=260, band=60)
        assert floor.money(LI) == (3_200, 3_200)
        floor.phase("closed")
        floor.define(reference_price=250, band=20)
        assert floor.money(LI) == (3_200, 2_700)
        floor.phase("closed")
        floor.define(reference_price=300, band=50)
        assert floor.only(ExecutionReport).reason == "insufficient_funds"
        floor.buy(LI, 5, None, kind="stop", stop_price=270)
        floor.phase("closed")
        floor.define()
        assert floor.only(ExecutionReport).reason == "no_price_bound"
        assert floor.money(LI) == (3_200, 0)


def test_a_change_of_fees_is_for_orders_entered_after_it() -> None:
    floor = Floor(fee_rate_ppm=500)
    floor.receipt(CHEN)
    floor.deposit(LI, 1_000_000)
    floor.buy(LI, 100, 250)
    floor.configure(fee_rate_ppm=10_000)
    floor.sell(CHEN, 100, 250)
    settled = floor.only(TradeSettled)
    assert (settled.buyer_fee_fen, settled.seller_fee_fen) == (13, 250)
