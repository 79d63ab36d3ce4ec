"""The mode `negotiated` told rule by rule (rule 13 of docs/matching.md): one reports, the other confirms."""

import pytest

from matching import Market
from matching.messages import ConfirmTrade, DefineInstrument, ReportTrade
from tests.matching.story import SYMBOL, Story


def desk(**definition: object) -> Story:
    return Story(mode="negotiated", **definition)


def test_a_report_trades_when_the_named_counterparty_confirms_it() -> None:
    story = desk()
    story.report(1, "sell", 300, 310, to=4, lot_id=7)
    assert [view.report_id for view in story.market.reports_of(1)] == [1]
    assert [(view.lot_id, view.side) for view in story.market.reports_of(4)] == [(7, "sell")]
    story.confirm(9, 1, by=5)
    story.confirm(9, 1, by=1)
    story.confirm(9, 1, by=4)
    story.confirm(9, 1, by=4)
    story.tells("""
        reported 1
        rejected 9: unknown_report
        rejected 9: own_report
        trade 1: 9 buys 300 of 1 at 310 by agreement
        closed 1: confirmed
        rejected 9: unknown_report
    """)
    assert story.market.reports_of(1) == story.market.reports_of(4) == []


def test_the_side_is_the_reporters_and_nobody_is_the_aggressor() -> None:
    story = desk()
    story.report(1, "buy", 300, 310, to=4)
    trade = story.market.apply(ConfirmTrade(9, 1, 4))[0]
    assert (trade.buy_order_id, trade.sell_order_id, trade.aggressor_side) == (1, 9, None)


def test_nobody_trades_with_himself() -> None:
    story = desk()
    story.report(1, "sell", 300, 310, to=1)
    story.tells("rejected 1: own_report")


def test_the_reporter_withdraws_and_the_counterparty_declines() -> None:
    story = desk()
    story.report(1, "sell", 300, 310, to=4)
    story.report(2, "sell", 300, 310, to=4)
    story.withdraw("report", 1, by=4)
    story.withdraw("decline", 1, by=1)
    story.withdraw("decline", 1, by=5)
    story.withdraw("report", 1)
    story.withdraw("decline", 2, by=4)
    story.withdraw("decline", 2, by=4)
    story.tells("""
        reported 1
        reported 2
        withdraw_report rejected 1: unknown_report
        decline_report rejected 1: unknown_report
        decline_report rejected 1: unknown_report
        closed 1: requested
        closed 2: declined
        decline_report rejected 2: unknown_report
    """)


def test_reports_expire_by_time_then_by_id() -> None:
    story = desk()
    story.report(3, "sell", 300, 310, to=4, expires_ns=20)
    story.report(2, "sell", 300, 310, to=4, expires_ns=30)
    story.report(1, "sell", 300, 310, to=4, expires_ns=30)
    story.report(5, "sell", 300, 310, to=4, expires_ns=0)
    story.time(30)
    story.confirm(9, 1, by=4)
    story.tells("""
        reported 3
        reported 2
        reported 1
        rejected 5: invalid_expires_ns
        closed 3: expired
        closed 1: expired
        closed 2: expired
        rejected 9: unknown_report
    """)


def test_a_mass_cancel_takes_back_what_one_reported_not_what_one_is_to_confirm() -> None:
    story = desk()
    story.report(1, "sell", 300, 310, to=4)
    story.report(4, "sell", 300, 310, to=1)
    story.mass_cancel(4, side="buy")
    story.mass_cancel(4)
    story.tells("""
        reported 1
        reported 4
        closed 4: mass_cancel
    """)


def test_prices_keep_to_tick_and_band_quantities_to_lots() -> None:
    story = desk(tick_size=5, lot_size=10, reference_price=200, band=4)
    story.report(1, "sell", 15, 200, to=4)
    story.report(1, "sell", 20, 201, to=4)
    story.report(1, "sell", 20, 225, to=4)
    story.report(1, "sell", 20, 220, to=4)
    story.report(1, "sell", 20, 220, to=4)
    story.confirm(1, 1, by=4)
    story.tells("""
        rejected 1: invalid_quantity
        rejected 1: invalid_price
        rejected 1: outside_band
        reported 1
        rejected 1: duplicate_order_id
        rejected 1: duplicate_order_id
    """)


@pytest.mark.parametrize("phase", ["closed", "halted"])
def test_outside_business_hours_reports_wait_and_may_only_be_taken_back(phase: str) -> None:
    story = desk()
    story.report(1, "sell", 300, 310, to=4)
    story.report(2, "sell", 300, 310, to=4)
    story.report(3, "sell", 300, 310, to=4)
    story.lines.clear()
    story.phase(phase)
    story.report(5, "sell", 300, 310, to=4)
    story.confirm(9, 1, by=4)
    story.withdraw("report", 2)
    story.withdraw("decline", 3, by=4)
    story.phase("continuous")
    story.confirm(9, 1, by=4)
    story.tells(f"""
        phase {phase}
        rejected 5: wrong_phase
        rejected 9: wrong_phase
        closed 2: requested
        closed 3: declined
        phase continuous
        trade 1: 9 buys 300 of 1 at 310 by agreement
        closed 1: confirmed
    """)


def test_a_halt_that_cancels_closes_reports() -> None:
    story = desk(cancel_on_halt=True)
    story.report(1, "sell", 300, 310, to=4)
    story.lines.clear()
    story.phase("halted")
    story.tells("""
        phase halted
        closed 1: halted
    """)


def test_a_new_definition_closes_what_no_longer_fits() -> None:
    story = desk()
    story.report(1, "sell", 300, 310, to=4)
    story.report(2, "sell", 300, 311, to=4)
    story.phase("closed")
    story.lines.clear()
    story.apply(DefineInstrument(SYMBOL, mode="negotiated", tick_size=10))
    story.tells("""
        defined
        closed 2: redefined
        phase continuous
    """)


def test_reports_are_for_their_own_mode() -> None:
    story = Story()
    story.report(1, "sell", 300, 310, to=4)
    story.apply(
        ReportTrade(
            report_id=1, participant_id=1, counterparty_id=2, symbol="X", side="buy", quantity=1, price=1, expires_ns=9
        )
    )
    story.tells("""
        rejected 1: wrong_mode
        rejected 1: unknown_symbol
    """)


def test_a_restored_report_waits_on() -> None:
    story = desk()
    story.report(1, "sell", 300, 310, to=4, lot_id=7)
    market = Market.restore(story.market.snapshot())
    market.audit()
    assert market.reports_of(4) == [market.report(1)] == story.market.reports_of(1)
    assert market.next_deadline_ns() == 100
