"""Negotiated trades: one reports, the other confirms, and both have what it takes."""

from typing import Any

import pytest

from matching.messages import (
    CancelOrder,
    ConfirmRejected,
    DeclineReport,
    ReportClosed,
    ReportRejected,
    TradeReported,
    WithdrawReport,
)
from settlement.messages import (
    BalanceChanged,
    EnterConfirmation,
    EnterReport,
    ExecutionReport,
    RequestRefused,
    TradeSettled,
)
from tests.exchange.floor import CHEN, HOUR_NS, LI, SYMBOL, WANG, Floor


@pytest.fixture
def floor() -> Floor:
    """Chen has 10 t in receipt 1 and half a ton, cut earlier, in receipt 2; Li has 10,000 yuan."""
    floor = Floor()
    floor.define(mode="negotiated")
    floor.receipt(CHEN)
    floor.receipt(CHEN, 500_000, harvest_date="2026-11-19")
    floor.deposit(LI, 1_000_000)
    return floor


def ends(floor: Floor) -> dict[int, tuple[str, str | None]]:
    return {report.order_id: (report.status, report.reason) for report in floor.all(ExecutionReport)}


def test_a_seller_reports_and_the_buyer_confirms(floor: Floor) -> None:
    report = floor.report(CHEN, LI, "sell", 700, 250)
    assert [type(event) for event in floor.events] == [TradeReported, ExecutionReport, BalanceChanged]
    assert (report.via, report.status, report.lots) == ("report", "resting", ((2, 500), (1, 200)))
    confirmed = floor.confirm(LI, report.order_id)
    assert (confirmed.via, confirmed.offer_id, confirmed.status) == ("confirmation", report.order_id, "filled")
    settled = floor.only(TradeSettled)
    assert (settled.aggressor_side, settled.buyer_id, settled.seller_id) == (None, LI, CHEN)
    assert settled.lots == ((2, 3, 500), (1, 4, 200))
    assert ends(floor) == {report.order_id: ("filled", None), confirmed.order_id: ("filled", None)}
    assert floor.money(LI) == (1_000_000 - 175_088, 0)


def test_a_buyer_reports_and_the_seller_confirms_with_a_receipt_of_his_choice(floor: Floor) -> None:
    report = floor.report(LI, CHEN, "buy", 700, 250)
    assert floor.money(LI) == (1_000_000, 175_088)
    floor.confirm(CHEN, report.order_id, receipt_id=1)
    assert floor.only(TradeSettled).lots == ((1, 3, 700),)


@pytest.mark.parametrize("how", ["requested", "declined", "expired", "halted", "mass_cancel", "cancelled"])
def test_however_a_report_ends_what_it_held_is_free(floor: Floor, how: str) -> None:
    floor.phase("closed")
    floor.define(mode="negotiated", cancel_on_halt=True)
    report = floor.report(CHEN, LI, "sell", 700, 250)
    if how == "requested":
        floor.do(WithdrawReport(report.order_id, CHEN))
    elif how == "declined":
        floor.do(DeclineReport(report.order_id, LI))
    elif how == "expired":
        floor.wait_until(floor.time_ns + HOUR_NS)
    elif how == "halted":
        floor.phase("halted")
    elif how == "mass_cancel":
        floor.cancel_all(CHEN)
    else:
        floor.do(CancelOrder(report.order_id, CHEN))
    reason = "requested" if how == "cancelled" else how
    assert floor.only(ReportClosed).reason == reason
    assert ends(floor) == {report.order_id: ("expired" if how == "expired" else "cancelled", reason)}
    assert floor.goods(CHEN) == (10_500_000, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"counterparty_id": CHEN}, "own_report"),
        ({"quantity": 20_000}, "insufficient_goods"),
        ({"receipt_id": 2}, "insufficient_goods"),
        ({"receipt_id": 9}, "unknown_receipt"),
        ({"side": "buy", "quantity": 1, "receipt_id": 1}, "invalid_receipt_id"),
        ({"side": "buy"}, "insufficient_funds"),
        ({"expires_ns": 1}, "invalid_expires_ns"),
    ],
)
def test_reports_that_cannot_be(floor: Floor, changes: dict[str, Any], reason: str) -> None:
    fields: dict[str, Any] = {"counterparty_id": LI, "side": "sell", "quantity": 700, "price": 250} | changes
    report = floor.report(
        CHEN, *(fields.pop(name) for name in ("counterparty_id", "side", "quantity", "price")), **fields
    )
    assert floor.events[0] == ReportRejected(report.order_id, reason)
    assert (report.status, report.reason) == ("rejected", reason)


def test_nobody_else_learns_of_a_report(floor: Floor) -> None:
    report = floor.report(CHEN, LI, "sell", 700, 250)
    floor.do(EnterConfirmation(participant_id=WANG, client_order_id="c", report_id=report.order_id))
    assert floor.events == [RequestRefused(command="enter_confirmation", reason="unknown_report", field="report_id")]
    own = floor.confirm(CHEN, report.order_id)
    assert floor.events[0] == ConfirmRejected(own.order_id, "own_report")
    floor.do(
        EnterReport(
            participant_id=CHEN,
            client_order_id="r",
            counterparty_id=99,
            symbol=SYMBOL,
            side="sell",
            quantity=1,
            price=1,
            expires_ns=floor.time_ns + 1,
        )
    )
    assert floor.refusal() == ("unknown_participant", "counterparty_id")


def test_a_buyer_without_money_cannot_confirm_and_the_report_stands(floor: Floor) -> None:
    floor.register("zhao", "trader")
    report = floor.report(CHEN, 6, "sell", 700, 250)
    confirmation = floor.confirm(6, report.order_id)
    assert floor.events[0] == ConfirmRejected(confirmation.order_id, "insufficient_funds")
    assert floor.engine.live_order(report.order_id) is not None
