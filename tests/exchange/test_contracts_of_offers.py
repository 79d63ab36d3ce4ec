"""Listings, auctions and agreed trades under contract: what is reserved, what each trade takes, what is refused."""

from exchange.engine import Engine
from matching.messages import AcceptanceRejected, SetPhase
from settlement.messages.contracts import AnnounceTradingDays, ContractTerms
from tests.exchange.contract_floor import AGREED, AUCTIONED, ContractFloor, weekdays
from tests.exchange.floor import CHEN, HOUR_NS, LI, SYMBOL, WANG, time_of

# 1,000 kg at 250 fen: 250,000 fen, earnest money 50,000, fee 125.


def floor() -> ContractFloor:
    """Chen has ten tonnes of each, and everybody 500,000 fen."""
    floor = ContractFloor()
    for symbol in (SYMBOL, AUCTIONED, AGREED):
        floor.lot(symbol)
    for who in (CHEN, LI, WANG):
        floor.deposit(who, 500_000)
    return floor


def test_a_listing_reserves_goods_and_earnest_money_and_a_take_as_much() -> None:
    venue = floor()
    listing = venue.list_lot(CHEN, 1_000, 250, receipt_id=1)
    assert venue.money(CHEN) == (500_000, 50_125)
    assert venue.goods(CHEN) == (10_000_000, 1_000_000)
    taken = venue.take(LI, listing.order_id, 400)
    assert (taken.status, taken.traded_fen, taken.fee_fen) == ("filled", 100_000, 50)
    (contract,) = venue.contracts()
    assert (contract.buyer_earnest_fen, contract.seller_earnest_fen, contract.buyer_fee_fen) == (20_000, 20_000, 50)
    assert venue.money(LI) == (500_000 - 20_050, 0)
    assert venue.money(CHEN) == (500_000 - 20_050, 30_075)
    assert venue.goods(CHEN) == (10_000_000, 1_000_000)
    assert venue.goods(LI) == (0, 0)
    assert venue.settled().lots == ((1, 4, 400),)
    ended = venue.cancel(listing)
    assert ended.status == "cancelled"
    assert venue.money(CHEN) == (500_000 - 20_050, 0)
    assert venue.goods(CHEN) == (10_000_000, 400_000)


def test_who_has_not_the_earnest_money_cannot_list_nor_take() -> None:
    venue = ContractFloor()
    receipt_id = venue.lot()
    venue.deposit(CHEN, 50_124)
    poor = venue.list_lot(CHEN, 1_000, 250, receipt_id=receipt_id)
    assert (poor.status, poor.reason) == ("rejected", "insufficient_funds")
    assert venue.goods(CHEN) == (10_000_000, 0)
    venue.deposit(CHEN, 1)
    listing = venue.list_lot(CHEN, 1_000, 250, receipt_id=receipt_id)
    venue.deposit(LI, 50_124)
    assert venue.take(LI, listing.order_id, 1_000).reason == "insufficient_funds"
    assert venue.take(LI, listing.order_id, 999).status == "filled"


def test_a_listing_taken_in_many_parts_pays_earnest_money_on_all_of_it() -> None:
    venue = floor()
    listing = venue.list_lot(CHEN, 10, 333, receipt_id=1)
    paid = 0
    for kilograms in (3, 3, 3, 1):
        venue.take(LI, listing.order_id, kilograms)
        paid += venue.contract().seller_earnest_paid_fen
    # ⌈20 % of 3,330⌉; each take of Li's is an order of its own and rounds for itself.
    assert paid == 666
    assert venue.money(CHEN)[1] == 0
    assert [contract.contract_id for contract in venue.engine.contracts.of(LI)] == [1, 2, 3, 4]


def test_a_want_that_is_accepted_dearer_needs_the_earnest_money_of_the_difference() -> None:
    venue = ContractFloor()
    receipt_id = venue.lot()
    for who in (CHEN, LI):
        venue.deposit(who, 60_149)
    want = venue.list_lot(LI, 1_000, 250, side="buy")
    counter = venue.counter(CHEN, want.order_id, 1_000, 300, receipt_id=receipt_id)
    assert (counter.status, counter.reason) == ("rejected", "insufficient_funds")
    venue.deposit(CHEN, 1)
    counter = venue.counter(CHEN, want.order_id, 1_000, 300, receipt_id=receipt_id)
    assert venue.money(CHEN) == (60_150, 60_150)
    venue.accept_counter(counter.order_id, LI)
    assert venue.only(AcceptanceRejected).reason == "insufficient_funds"
    venue.deposit(LI, 1)
    venue.accept_counter(counter.order_id, LI)
    assert venue.contract().value_fen == 300_000
    assert venue.money(LI) == (0, 0)


def test_a_counter_bid_above_the_listing_raises_the_listers_earnest_money() -> None:
    venue = ContractFloor()
    receipt_id = venue.lot()
    venue.deposit(CHEN, 50_125)
    venue.deposit(LI, 500_000)
    listing = venue.list_lot(CHEN, 1_000, 250, receipt_id=receipt_id)
    counter = venue.counter(LI, listing.order_id, 1_000, 251)
    venue.accept_counter(counter.order_id, CHEN)
    assert venue.only(AcceptanceRejected).reason == "insufficient_funds"
    venue.deposit(CHEN, 201)
    venue.accept_counter(counter.order_id, CHEN)
    assert venue.contract().seller_earnest_fen == 50_200


def test_a_rising_auction_takes_its_sellers_earnest_money_along() -> None:
    venue = ContractFloor()
    receipt_id = venue.lot(AUCTIONED)
    venue.deposit(CHEN, 55_138)
    venue.deposit(LI, 500_000)
    venue.deposit(WANG, 500_000)
    auction = venue.auction(CHEN, 1_000, 250, symbol=AUCTIONED, receipt_id=receipt_id)
    assert venue.money(CHEN) == (55_138, 50_125)
    first = venue.bid(LI, auction.order_id, 260)
    assert first.status == "resting"
    assert venue.money(CHEN) == (55_138, 52_130)
    high = venue.bid(WANG, auction.order_id, 276)
    # ⌈20 % of 276,000⌉ + 138
    assert (high.status, high.reason) == ("rejected", "seller_uncovered")
    assert venue.money(WANG) == (500_000, 0)
    second = venue.bid(WANG, auction.order_id, 275)
    assert second.status == "resting"
    assert venue.money(CHEN) == (55_138, 55_138)
    assert venue.money(LI) == (500_000, 0)
    venue.wait_until(venue.time_ns + HOUR_NS)
    contract = venue.contract()
    assert (contract.price, contract.buyer_id, contract.seller_earnest_fen) == (275, WANG, 55_000)
    assert venue.money(CHEN) == (0, 0)


def test_an_agreed_trade_becomes_a_contract_when_it_is_confirmed() -> None:
    venue = floor()
    report = venue.report(CHEN, LI, "sell", 1_000, 250, symbol=AGREED)
    assert venue.money(CHEN) == (500_000, 50_125)
    venue.confirm(LI, report.order_id)
    contract = venue.contract()
    assert (contract.state, contract.symbol, contract.buyer_id) == ("concluded", AGREED, LI)
    assert venue.settled().aggressor_side is None


def test_where_the_trading_days_are_not_told_there_is_no_contract() -> None:
    venue = ContractFloor(told=False)
    receipt_id = venue.lot()
    venue.deposit(CHEN, 500_000)
    listing = venue.list_lot(CHEN, 1_000, 250, receipt_id=receipt_id)
    assert (listing.status, listing.reason) == ("rejected", "outside_calendar")
    assert venue.money(CHEN) == (500_000, 0)
    assert venue.goods(CHEN) == (10_000_000, 0)


def test_a_listing_outlives_the_calendar_but_is_not_taken_beyond_it() -> None:
    venue = floor()
    listing = venue.list_lot(CHEN, 1_000, 250, receipt_id=1, expires_ns=time_of("2026-12-18"))
    # From the eleventh of December on, the fifteenth day is next year's.
    venue.wait_until(time_of("2026-12-11", 9))
    assert venue.take(LI, listing.order_id, 100).status == "filled"
    venue.wait_until(time_of("2026-12-12", 9))
    assert venue.take(LI, listing.order_id, 100).reason == "outside_calendar"


def test_goods_that_do_not_last_to_the_fifth_day_are_not_listed_and_not_taken() -> None:
    venue = floor()
    # Cut on the 20th of November, 28 days of green life: until the 18th of December.
    listing = venue.list_lot(CHEN, 1_000, 250, receipt_id=1, expires_ns=time_of("2026-12-18"))
    venue.do(weekdays("2027-01-01", "2027-01-29"))
    venue.wait_until(time_of("2026-12-11", 10))
    assert venue.take(LI, listing.order_id, 100).status == "filled"
    venue.wait_until(time_of("2026-12-14", 10))
    assert venue.take(LI, listing.order_id, 100).reason == "goods_expire"
    assert venue.list_lot(CHEN, 1_000, 250, receipt_id=1).reason == "goods_expire"


def test_an_auction_is_counted_from_its_end() -> None:
    venue = floor()
    late = venue.auction(CHEN, 1_000, 250, symbol=AUCTIONED, receipt_id=2, ends_ns=time_of("2026-12-12", 10))
    assert (late.status, late.reason) == ("rejected", "outside_calendar")
    fine = venue.auction(CHEN, 1_000, 250, symbol=AUCTIONED, receipt_id=2, ends_ns=time_of("2026-12-11", 10))
    assert fine.status == "resting"
    venue.bid(LI, fine.order_id, 250)
    venue.wait_until(time_of("2026-12-11", 10))
    assert venue.contract().first_day == "2026-12-11"


def test_both_sides_of_a_trade_have_the_terms_of_what_stood_first() -> None:
    venue = floor()
    listing = venue.list_lot(CHEN, 1_000, 250, receipt_id=1)
    venue.configure(contract=ContractTerms(earnest_permille=300))
    venue.take(LI, listing.order_id, 100)
    assert venue.contract().terms.earnest_permille == 200
    venue.configure(contract=None)
    venue.take(LI, listing.order_id, 100)
    assert venue.contract().contract_id == 2
    at_once = venue.list_lot(CHEN, 1_000, 250, receipt_id=1)
    venue.take(LI, at_once.order_id, 100)
    assert venue.contracts() == []
    assert venue.settled().contract_id is None
    assert venue.goods(LI)[0] == 100_000


def test_the_book_settles_at_once_whatever_the_terms() -> None:
    venue = ContractFloor()
    venue.define(SYMBOL, mode="listing", phase="closed")
    venue.do(SetPhase(SYMBOL, "closed"))
    venue.define(SYMBOL, mode="continuous")
    venue.lot()
    venue.deposit(LI, 500_000)
    venue.sell(CHEN, 1_000, 250)
    venue.buy(LI, 1_000, 250)
    assert venue.settled().contract_id is None
    assert venue.engine.contracts.all() == []


def test_a_trade_under_contract_is_not_busted() -> None:
    venue = floor()
    listing = venue.list_lot(CHEN, 1_000, 250, receipt_id=1)
    venue.take(LI, listing.order_id, 400)
    venue.bust(venue.settled().trade_id)
    assert venue.refusal() == ("under_contract", "trade_id")


def test_goods_under_contract_cannot_be_listed_before_it_is_over() -> None:
    venue = ContractFloor(profile="cn-spot")
    contract_id = venue.bought()
    held = venue.contract().receipt_ids[0]
    again = venue.list_lot(CHEN, 1, 250, receipt_id=held)
    assert (again.status, again.reason) == ("rejected", "unknown_receipt")
    venue.pay(contract_id)
    venue.tender(contract_id)
    bought = venue.contract().receipt_ids[0]
    resold = venue.list_lot(LI, 1, 250, receipt_id=bought)
    assert (resold.status, resold.reason) == ("rejected", "unknown_receipt")


def test_the_engine_goes_on_from_a_snapshot_in_the_middle_of_contracts() -> None:
    venue = floor()
    listing = venue.list_lot(CHEN, 1_000, 250, receipt_id=1)
    venue.take(LI, listing.order_id, 400)
    venue.pay()
    snapshot = venue.engine.snapshot()
    restored = Engine.restore(snapshot)
    assert restored.snapshot() == snapshot
    assert restored.state_hash() == venue.engine.state_hash()
    later = time_of("2026-12-12")
    sequence = venue.engine.sequence + 1
    assert restored.advance(later, sequence) == venue.engine.advance(later, sequence)
    assert restored.state_hash() == venue.engine.state_hash()
    restored.audit()


def test_the_same_commands_lead_to_the_same_contracts() -> None:
    venue = floor()
    listing = venue.list_lot(CHEN, 1_000, 250, receipt_id=1)
    venue.take(LI, listing.order_id, 400)
    venue.wait_until(time_of("2026-12-01"))
    again = Engine()
    for sequence, (command, time_ns) in enumerate(venue.commands, 1):
        again.execute(command, sequence, time_ns)
    assert again.state_hash() == venue.engine.state_hash()


def test_a_price_beyond_all_numbers_is_no_contract() -> None:
    venue = ContractFloor(ContractTerms(earnest_permille=0, tolerance_permille=0), fee_rate_ppm=0)
    receipt_id = venue.lot()
    listing = venue.list_lot(CHEN, 1_000, 2**53 // 1_000 + 1, receipt_id=receipt_id)
    assert (listing.status, listing.reason) == ("rejected", "exceeds_maximum")
    assert venue.goods(CHEN) == (10_000_000, 0)
    most = venue.list_lot(CHEN, 1_000, 2**53 // 1_000, receipt_id=receipt_id)
    assert most.status == "resting"
    assert venue.take(LI, most.order_id, 1_000).status == "filled"


def test_days_that_do_not_trade_any_more_leave_a_standing_auction_the_last_day_that_is_told() -> None:
    venue = floor()
    ends_ns = time_of("2026-12-11", 10)
    auction = venue.auction(CHEN, 1_000, 250, symbol=AUCTIONED, receipt_id=2, ends_ns=ends_ns)
    venue.bid(LI, auction.order_id, 250)
    # A typhoon: the venue stays closed from the fourteenth on.
    venue.do(AnnounceTradingDays(since="2026-12-14", until="2026-12-31", days=()))
    venue.wait_until(ends_ns)
    contract = venue.contract()
    assert (contract.pay_by_ns, contract.final_by_ns) == (time_of("2027-01-01"), time_of("2027-01-01"))
    venue.pay()
    venue.tender()
    assert venue.contract().state == "delivering"
