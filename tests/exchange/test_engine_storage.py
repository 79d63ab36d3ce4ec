"""Storage in the whole: who sells pays it from the proceeds, who buys begins anew, and nothing leaves unpaid."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.engine import Engine
from settlement.civil import venue_day
from settlement.messages import LedgerPosted, ReceiptChanged, SplitReceipt, TradeSettled
from settlement.messages.storage import PayStorage, StoragePaid, StorageTariff
from tests.exchange.floor import CHEN, DAY_NS, LI, MONDAY, WANG, Floor, told

TARIFF = StorageTariff(warehouse="SX1", fen_per_tonne_day=300, free_days=2)
"""3 yuan a tonne and day after two free days."""


@pytest.fixture
def floor() -> Floor:
    venue = Floor()
    venue.configure(storage=(TARIFF,))
    venue.deposit(LI, 10_000_000)
    venue.deposit(WANG, 10_000_000)
    return venue


def pay(floor: Floor, participant_id: int, *receipt_ids: int) -> list[Any]:
    return floor.do(PayStorage(participant_id=participant_id, receipt_ids=receipt_ids))


def day_of(floor: Floor, receipt_id: int) -> int:
    receipt = floor.engine.receipt(receipt_id)
    assert receipt is not None
    return receipt.storage_from_day


def test_a_seller_pays_from_the_proceeds_what_he_sells_has_cost(floor: Floor) -> None:
    receipt_id = floor.receipt(weight_g=10_000_000)
    floor.wait_until(MONDAY + 7 * DAY_NS)
    today = venue_day(floor.time_ns)
    floor.sell(CHEN, 4_000, 250)
    floor.buy(LI, 4_000, 250)
    posted = floor.only(LedgerPosted)
    # 4 tonnes, 5 days, 3 yuan: 60.00; the price 10,000.00 and 0.05 % of it from each side.
    assert told(posted.transfers)[:4] == [
        "CNY participant:4 -> participant:3 1000000",
        "CNY participant:4 -> fees 500",
        "CNY participant:3 -> fees 500",
        "LOT-1 participant:3 -> participant:4 4000000",
    ]
    assert told(posted.transfers)[4:] == ["CNY participant:3 -> storage 6000"]
    assert floor.only(TradeSettled).storage_fen == 6_000
    assert floor.only(StoragePaid) == StoragePaid(
        "trade", 1, CHEN, receipt_id, 1, "SX1", 4_000_000, today - 5, today, 6_000, 6_000
    )
    assert floor.money(CHEN) == (1_000_000 - 500 - 6_000, 0)
    # What is left of the seller's owes its five days still; the buyer's begins today.
    assert day_of(floor, receipt_id) == today - 5
    (bought,) = [number for number, _, _ in floor.held(LI)]
    assert day_of(floor, bought) == today


def test_a_buyer_takes_over_the_days_that_are_still_free(floor: Floor) -> None:
    receipt_id = floor.receipt()
    free_until = day_of(floor, receipt_id)
    floor.sell(CHEN, 1_000, 250)
    floor.buy(LI, 1_000, 250)
    assert not floor.all(StoragePaid)
    (bought,) = [number for number, _, _ in floor.held(LI)]
    assert day_of(floor, bought) == free_until == venue_day(MONDAY) + 2


def test_an_offer_below_storage_and_fee_is_refused(floor: Floor) -> None:
    floor.receipt()
    floor.wait_until(MONDAY + 12 * DAY_NS)
    # Ten days at 0.3 fen a kilogram and day: 3 fen a kilogram, and a started fen of fee.
    refused = floor.sell(CHEN, 1_000, 3)
    assert (refused.status, refused.reason) == ("rejected", "below_storage")
    assert floor.sell(CHEN, 1_000, 4).status == "resting"


def test_what_the_proceeds_do_not_cover_lapses_and_is_said(floor: Floor) -> None:
    floor.receipt()
    floor.sell(CHEN, 1_000, 1)
    floor.wait_until(MONDAY + 12 * DAY_NS)
    floor.buy(LI, 1_000, 1)
    paid = floor.only(StoragePaid)
    assert (paid.due_fen, paid.amount_fen) == (3_000, 999), "the proceeds less a fen of fee"
    assert floor.money(CHEN) == (0, 0)


def test_goods_leave_when_their_storage_is_paid(floor: Floor) -> None:
    receipt_id = floor.receipt()
    floor.deposit(CHEN, 15_000)
    floor.order_delivery(CHEN, receipt_id)
    floor.wait_until(MONDAY + 7 * DAY_NS)
    floor.load_out(receipt_id)
    assert floor.refusal() == ("storage_unpaid", "receipt_id")
    pay(floor, CHEN, receipt_id)
    assert floor.money(CHEN) == (0, 0)
    floor.load_out(receipt_id)
    assert floor.only(ReceiptChanged).receipt.state == "delivered"


def test_a_store_is_cleared_of_expired_goods_at_their_holders_cost(floor: Floor) -> None:
    receipt_id = floor.receipt()
    floor.deposit(CHEN, 15_000)
    expired = floor.engine.receipt(receipt_id)
    assert expired is not None
    floor.wait_until(expired.expires_ns + 3 * DAY_NS)
    floor.load_out(receipt_id)
    paid = floor.only(StoragePaid)
    days = venue_day(floor.time_ns) - venue_day(MONDAY) - 2
    assert (paid.cause, paid.due_fen, paid.amount_fen) == ("clearance", days * 3_000, 15_000)
    assert floor.money(CHEN) == (0, 0)


def test_an_unknown_store_or_one_twice_is_no_tariff(floor: Floor) -> None:
    for storage in ((TARIFF, TARIFF), (StorageTariff(warehouse="XX9", fen_per_tonne_day=1),)):
        floor.configure(storage=storage)
        assert floor.refusal() == ("invalid_storage", "storage")


def test_what_was_paid_outlives_a_restart(floor: Floor) -> None:
    receipt_id = floor.receipt()
    floor.deposit(CHEN, 100_000)
    floor.wait_until(MONDAY + 4 * DAY_NS)
    pay(floor, CHEN, receipt_id)
    again = Engine.restore(floor.engine.snapshot())
    assert again.state_hash() == floor.engine.state_hash()
    floor.engine = again
    (paid,) = pay(floor, CHEN, receipt_id)
    assert paid.amount_fen == 0


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_all_that_is_charged_is_all_that_lay_there_but_for_a_fen_a_charge(data: st.DataObject) -> None:
    """Whatever is split, sold and paid in between, the days are paid once: no less, and a fen more a charge at most."""
    floor = Floor(fee_rate_ppm=0)
    floor.configure(fee_rate_ppm=0, storage=(TARIFF,))
    for participant_id in (CHEN, LI, WANG):
        floor.deposit(participant_id, 100_000_000)
    floor.receipt(weight_g=10_000_123)
    charges = 0
    charged_fen = 0
    people = (CHEN, LI, WANG)

    def charge() -> None:
        nonlocal charges, charged_fen
        for paid in floor.all(StoragePaid):
            assert paid.due_fen == paid.amount_fen
            charges += 1
            charged_fen += paid.amount_fen

    for _ in range(data.draw(st.integers(1, 6))):
        floor.wait_until(floor.time_ns + data.draw(st.integers(0, 3)) * DAY_NS)
        owner = data.draw(st.sampled_from([each for each in people if floor.held(each)]))
        receipt_id, weight_g, _ = data.draw(st.sampled_from(floor.held(owner)))
        match data.draw(st.sampled_from(["split", "sell", "pay"])):
            case "split" if weight_g > 1:
                first_g = data.draw(st.integers(1, weight_g - 1))
                weights_g = (first_g, weight_g - first_g)
                floor.do(SplitReceipt(participant_id=owner, receipt_id=receipt_id, weights_g=weights_g))
            case "sell" if weight_g >= 1_000:
                buyer = data.draw(st.sampled_from([each for each in people if each != owner]))
                quantity = data.draw(st.integers(1, weight_g // 1_000))
                floor.sell(owner, quantity, 300, lots=(receipt_id,))
                floor.buy(buyer, quantity, 300)
                charge()
            case "pay":
                pay(floor, owner, receipt_id)
                charge()
    floor.wait_until(floor.time_ns + DAY_NS)
    for each in people:
        for receipt_id, _, _ in floor.held(each):
            pay(floor, each, receipt_id)
            charge()
    days = max(0, venue_day(floor.time_ns) - venue_day(MONDAY) - TARIFF.free_days)
    whole_fen = -(-10_000_123 * 300 * days // 1_000_000)
    assert whole_fen <= charged_fen <= whole_fen + charges
