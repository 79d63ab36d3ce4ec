"""From a lot on the road to bananas loaded out: intake, receipts, the life of an instrument."""

import pytest

from matching.messages import InstrumentDefined, OrderCancelled, PhaseChanged
from settlement.messages import (
    BalanceChanged,
    ExecutionReport,
    LedgerPosted,
    LotChanged,
    ReceiptChanged,
    RecordShrinkage,
    StockChanged,
)
from tests.exchange.floor import (
    CHEN,
    DAY_NS,
    LI,
    MONDAY,
    SYMBOL,
    WANG,
    WAREHOUSE,
    Floor,
    time_of,
    told,
)


def test_a_lot_becomes_a_receipt_and_its_kilograms_can_be_sold() -> None:
    floor = Floor()
    announced = floor.only(LotChanged, floor.announce(weight_g=9_900_000)).lot
    assert (announced.lot_id, announced.status, announced.symbol) == (1, "announced", SYMBOL)
    weighed = floor.only(LotChanged, floor.weigh(1, 9_800_500)).lot
    assert (weighed.status, weighed.gross_g, weighed.tare_g, weighed.net_g) == (
        "weighed",
        10_300_500,
        500_000,
        9_800_500,
    )
    inspected = floor.only(LotChanged, floor.inspect(1)).lot
    assert (inspected.status, inspected.inspected_grade, inspected.colour_stage) == ("inspected", "1", 1)
    assert floor.engine.lots() == [inspected]

    floor.issue(1)
    assert [type(event) for event in floor.events] == [
        LotChanged,
        LedgerPosted,
        ReceiptChanged,
        InstrumentDefined,
        BalanceChanged,
    ]
    lot = floor.only(LotChanged).lot
    assert (lot.status, lot.receipt_id) == ("receipted", 1)
    assert told(floor.only(LedgerPosted).transfers) == ["LOT-1 warehouse:SX1 -> participant:3 9800500"]
    issued = floor.only(ReceiptChanged)
    assert issued.cause == "issued"
    receipt = issued.receipt
    assert (receipt.receipt_id, receipt.participant_id, receipt.weight_g, receipt.issued_by) == (
        1,
        CHEN,
        9_800_500,
        WAREHOUSE,
    )
    # Brazil stays green 28 days from the cut on the 20th: to the midnight with which the 18th of December begins.
    assert receipt.expires_ns == time_of("2026-12-18")
    assert floor.all(BalanceChanged) == [BalanceChanged(CHEN, SYMBOL, 9_800_500, 0)]
    assert floor.engine.lots() == []
    view = floor.engine.market.instrument(SYMBOL)
    assert view is not None
    assert (view.phase, view.tick_size, view.lot_size, view.mode) == ("continuous", 1, 1, "continuous")


def test_the_grade_that_is_found_decides_what_the_lot_trades_as() -> None:
    floor = Floor()
    floor.announce(grade="E")
    floor.weigh(1)
    assert floor.only(LotChanged, floor.inspect(1, grade="2")).lot.symbol == "BXJ-2-SX1-26W47"
    floor.issue(1)
    assert floor.engine.market.symbols() == ["BXJ-2-SX1-26W47"]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"grade": "E", "defect_permille": 51}, "defects_over_tolerance"),
        ({"grade": "1", "defect_permille": 101}, "defects_over_tolerance"),
        ({"grade": "2", "defect_permille": 101, "colour_stage": 7}, "defects_over_tolerance"),
        ({"colour_stage": 4, "temperature_dc": 20}, "too_ripe"),
        ({"temperature_dc": 109}, "chilling_injury"),
    ],
)
def test_an_inspection_may_refuse_a_lot(found: dict[str, object], reason: str) -> None:
    floor = Floor()
    floor.announce()
    floor.weigh(1)
    lot = floor.only(LotChanged, floor.inspect(1, **found)).lot
    assert (lot.status, lot.reason) == ("refused", reason)
    assert floor.engine.lots() == []
    floor.issue(1)
    assert floor.refusal() == ("lot_closed", "lot_id")


@pytest.mark.parametrize(
    "found", [{"grade": "E", "defect_permille": 50}, {"grade": "2", "defect_permille": 100}, {"temperature_dc": 110}]
)
def test_at_the_tolerance_itself_a_lot_is_good(found: dict[str, object]) -> None:
    floor = Floor()
    floor.announce()
    floor.weigh(1)
    assert floor.only(LotChanged, floor.inspect(1, **found)).lot.status == "inspected"


def test_fruit_that_has_begun_to_turn_has_a_shorter_life() -> None:
    """Half green keeps four tenths of 28 days: eleven, from the cut on the 20th."""
    floor = Floor()
    floor.receipt(colour_stage=3)
    assert floor.engine.receipts(CHEN)[0].expires_ns == time_of("2026-12-01")


def test_turning_fruit_whose_short_life_is_over_is_refused_at_inspection() -> None:
    floor = Floor()
    floor.announce(harvest_date="2026-11-10")
    floor.weigh(1)
    lot = floor.only(LotChanged, floor.inspect(1, colour_stage=3)).lot
    assert (lot.status, lot.reason) == ("refused", "green_life_over")


def test_a_lot_that_never_comes_is_refused_when_its_green_life_is_over() -> None:
    floor = Floor()
    floor.announce(harvest_date="2026-11-01")
    assert floor.engine.next_deadline_ns() == time_of("2026-11-29")
    assert floor.wait_until(time_of("2026-11-29") - 1) == []
    lot = floor.only(LotChanged, floor.wait_until(time_of("2026-11-29"))).lot
    assert (lot.status, lot.reason) == ("refused", "green_life_over")
    assert floor.engine.next_deadline_ns() is None


class TestTheEndOfALife:
    def test_orders_go_first_newest_first_then_receipts_then_the_instrument(self) -> None:
        floor = Floor()
        old = floor.receipt(CHEN, harvest_date="2026-11-16")
        young = floor.receipt(CHEN, harvest_date="2026-11-20")
        floor.deposit(LI, 1_000_000)
        on_old = floor.sell(CHEN, 100, 260)
        on_young = floor.sell(CHEN, 100, 261, lots=(young,))
        on_both = floor.sell(CHEN, 20, 262, lots=(young, old))
        bid = floor.buy(LI, 10, 250)

        floor.wait_until(time_of("2026-12-14"))
        cancelled = [(event.order_id, event.reason) for event in floor.all(OrderCancelled)]
        assert cancelled == [(on_old.order_id, "receipt_expired")]
        expired = floor.only(ReceiptChanged)
        assert (expired.cause, expired.receipt.receipt_id, expired.receipt.state) == ("expired", old, "expired")
        assert floor.goods(CHEN) == (20_000_000, 10_120_000)
        assert not floor.all(PhaseChanged)

        floor.wait_until(time_of("2026-12-18"))
        cancelled = [(event.order_id, event.reason) for event in floor.all(OrderCancelled)]
        assert cancelled == [
            (on_both.order_id, "receipt_expired"),
            (on_young.order_id, "receipt_expired"),
            (bid.order_id, "expired"),
        ]
        assert floor.only(PhaseChanged).phase == "closed"
        assert [(report.order_id, report.status) for report in floor.all(ExecutionReport)] == [
            (on_young.order_id, "cancelled"),
            (on_both.order_id, "cancelled"),
            (bid.order_id, "expired"),
        ]
        assert floor.money(LI) == (1_000_000, 0)
        assert floor.goods(CHEN) == (20_000_000, 20_000_000)

    def test_a_fill_that_happened_stands_and_both_parts_expire_together(self) -> None:
        floor = Floor()
        floor.receipt(CHEN)
        floor.deposit(LI, 1_000_000)
        floor.sell(CHEN, 100, 250)
        floor.buy(LI, 40, 250)
        floor.wait_until(time_of("2026-12-18"))
        assert [changed.receipt.participant_id for changed in floor.all(ReceiptChanged)] == [CHEN, LI]
        assert floor.goods(LI) == (40_000, 40_000)

    def test_the_next_receipt_opens_the_instrument_again(self) -> None:
        """Ripe fruit's receipt ends early; a greener lot of the same week is issued after it."""
        floor = Floor()
        floor.receipt(CHEN, colour_stage=3)
        floor.wait_until(time_of("2026-12-01"))
        assert floor.only(PhaseChanged).phase == "closed"
        assert floor.sell(CHEN, 1, 250).reason == "wrong_phase"
        floor.announce()
        floor.weigh(2)
        floor.inspect(2)
        floor.issue(2)
        assert floor.only(PhaseChanged).phase == "continuous"
        assert floor.sell(CHEN, 1, 250).status == "resting"

    def test_what_the_operator_closed_a_receipt_does_not_open(self) -> None:
        floor = Floor()
        floor.receipt(CHEN)
        floor.phase("closed")
        floor.receipt(CHEN)
        assert not floor.all(PhaseChanged)
        view = floor.engine.market.instrument(SYMBOL)
        assert view is not None
        assert view.phase == "closed"

    def test_one_leap_over_weeks_happens_in_the_order_of_time(self) -> None:
        floor = Floor()
        floor.receipt(CHEN, harvest_date="2026-11-20")
        day_order = floor.sell(CHEN, 1, 250, time_in_force="gtd", expires_ns=time_of("2026-11-25"))
        floor.announce(harvest_date="2026-11-15")
        floor.wait_until(MONDAY + 40 * DAY_NS)
        assert [type(event) for event in floor.events] == [
            OrderCancelled,
            LotChanged,
            ReceiptChanged,
            PhaseChanged,
            ExecutionReport,
            BalanceChanged,
        ]
        report = floor.only(ExecutionReport)
        assert (report.order_id, report.status, report.reason) == (day_order.order_id, "expired", "expired")
        assert report.time_ns == MONDAY + 40 * DAY_NS


class TestDelivery:
    def test_goods_that_are_ordered_out_leave_the_warehouse_and_the_ledger(self) -> None:
        floor = Floor()
        floor.receipt(CHEN)
        floor.deposit(LI, 1_000_000)
        floor.sell(CHEN, 100, 250)
        floor.buy(LI, 100, 250)
        (receipt,) = floor.engine.receipts(LI)

        floor.order_delivery(LI, receipt.receipt_id)
        ordered = floor.only(ReceiptChanged)
        assert (ordered.cause, ordered.receipt.state) == ("delivery_ordered", "delivery_ordered")
        assert floor.goods(LI) == (100_000, 100_000)
        assert floor.sell(LI, 1, 260).reason == "insufficient_goods"

        floor.load_out(receipt.receipt_id)
        posted = floor.only(LedgerPosted)
        assert (posted.cause, posted.reference_id) == ("load_out", receipt.receipt_id)
        assert told(posted.transfers) == ["LOT-1 participant:4 -> warehouse:SX1 100000"]
        delivered = floor.only(ReceiptChanged)
        assert (delivered.cause, delivered.receipt.state, delivered.receipt.weight_g) == (
            "delivered",
            "delivered",
            100_000,
        )
        assert floor.engine.receipt(receipt.receipt_id) is None
        assert floor.goods(LI) == (0, 0)
        assert floor.engine.receipts(LI) == []

    def test_when_the_last_receipt_is_ordered_out_the_instrument_closes(self) -> None:
        floor = Floor()
        receipt_id = floor.receipt(CHEN)
        floor.deposit(LI, 1_000_000)
        bid = floor.buy(LI, 10, 250)
        floor.order_delivery(CHEN, receipt_id)
        assert floor.only(PhaseChanged).phase == "closed"
        assert [(report.order_id, report.reason) for report in floor.all(ExecutionReport)] == [
            (bid.order_id, "expired")
        ]

    def test_a_receipt_ordered_out_does_not_expire_and_an_expired_one_is_cleared_away(self) -> None:
        floor = Floor()
        ordered = floor.receipt(CHEN)
        left = floor.receipt(CHEN)
        floor.order_delivery(CHEN, ordered)
        floor.wait_until(time_of("2026-12-18"))
        assert [changed.receipt.receipt_id for changed in floor.all(ReceiptChanged)] == [left]
        floor.load_out(left)
        floor.load_out(ordered)
        assert floor.engine.all_receipts() == []
        assert floor.engine.next_deadline_ns() is None

    def test_what_cannot_be_ordered_out(self) -> None:
        floor = Floor()
        receipt_id = floor.receipt(CHEN)
        floor.order_delivery(LI, receipt_id)
        assert floor.refusal() == ("unknown_receipt", "receipt_id")
        floor.order_delivery(CHEN, 99)
        assert floor.refusal() == ("unknown_receipt", "receipt_id")
        offer = floor.sell(CHEN, 1, 250)
        floor.order_delivery(CHEN, receipt_id)
        assert floor.refusal() == ("receipt_reserved", "receipt_id")
        floor.load_out(receipt_id)
        assert floor.refusal() == ("delivery_not_ordered", "receipt_id")
        floor.cancel(offer)
        floor.order_delivery(CHEN, receipt_id)
        floor.order_delivery(CHEN, receipt_id)
        assert floor.refusal() == ("not_issued", "receipt_id")
        floor.load_out(98)
        assert floor.refusal() == ("unknown_receipt", "receipt_id")


def test_goods_of_two_participants_do_not_mix() -> None:
    floor = Floor()
    floor.receipt(CHEN, 1_000_000)
    floor.deposit(LI, 1_000_000)
    floor.deposit(WANG, 1_000_000)
    floor.sell(CHEN, 1_000, 250)
    floor.buy(LI, 300, 250)
    floor.buy(WANG, 200, 250)
    assert floor.held(LI) == [(2, 300_000, 0)]
    assert floor.held(WANG) == [(3, 200_000, 0)]
    assert [receipt.weight_g for receipt in floor.engine.all_receipts()] == [500_000, 300_000, 200_000]


def test_a_lot_that_is_lost_whole_is_written_off_before_the_reports() -> None:
    floor = Floor()
    floor.receipt(CHEN, 1_000_000)
    floor.sell(CHEN, 1_000, 250)
    floor.do(RecordShrinkage(operator_id=WAREHOUSE, lot_id=1, weight_g=1_000_000, reason="fire"))
    assert [type(event) for event in floor.events] == [
        OrderCancelled,
        StockChanged,
        LedgerPosted,
        ReceiptChanged,
        PhaseChanged,
        LedgerPosted,
        ExecutionReport,
        BalanceChanged,
    ]
    assert told(floor.all(LedgerPosted)[1].transfers) == ["LOT-1 shrinkage -> warehouse:SX1 1000000"]
