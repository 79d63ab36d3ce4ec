"""The mode `negotiated` (协议): two who have agreed on a trade report it: one reports, the other, named, confirms."""

from typing import assert_never

from matching.board import Board, Offer, misfits
from matching.instrument import SIDES, Instrument
from matching.messages import (
    MAX_INTEGER,
    MAX_TIME_NS,
    ConfirmRejected,
    ConfirmTrade,
    DeclineReport,
    Event,
    Rejection,
    ReportClosed,
    ReportCommand,
    ReportRejected,
    ReportTrade,
    TradeReported,
    WithdrawalRejected,
    WithdrawReport,
)


class Report(Offer):
    """A live report, waiting for its counterparty: `terms` as it was made. Both are parties to it."""

    __slots__ = ("terms",)

    def __init__(self, terms: ReportTrade, instrument: Instrument) -> None:
        super().__init__(terms.report_id, terms.participant_id, instrument, terms.side, terms.expires_ns)
        self.parties = (terms.participant_id, terms.counterparty_id)
        self.terms = terms

    def close(self, board: Board, reason: str, events: list[Event]) -> None:
        board.remove(self)
        events.append(ReportClosed(self.id, reason))

    def misfits(self) -> bool:
        return misfits(self.instrument, "negotiated", self.terms.price, self.terms.quantity)

    def audit(self) -> None:
        assert self.terms.participant_id != self.terms.counterparty_id
        assert self.deadline_ns == self.terms.expires_ns


def refuse(command: ReportCommand, board: Board, now_ns: int) -> str | None:
    """The first reason for which the command cannot be done, or None. O(1)."""
    match command:
        case ReportTrade():
            return _refuse_report(command, board, now_ns)
        case ConfirmTrade():
            report = board.find(Report, command.report_id)
            if report is None or command.participant_id not in report.parties:
                return "unknown_report"
            reason = board.refuse_answer(report, command.confirm_id)
            if reason is not None:
                return reason
            return "own_report" if command.participant_id == report.participant_id else None
        case WithdrawReport():
            report = board.find(Report, command.report_id)
            return None if report and report.participant_id == command.participant_id else "unknown_report"
        case DeclineReport():
            report = board.find(Report, command.report_id)
            return None if report and report.terms.counterparty_id == command.participant_id else "unknown_report"
    assert_never(command)


def rejection(command: ReportCommand, reason: str) -> Rejection:
    match command:
        case ReportTrade():
            return ReportRejected(command.report_id, reason)
        case ConfirmTrade():
            return ConfirmRejected(command.confirm_id, reason)
        case WithdrawReport():
            return WithdrawalRejected("withdraw_report", command.report_id, reason)
        case DeclineReport():
            return WithdrawalRejected("decline_report", command.report_id, reason)
    assert_never(command)


def run(command: ReportCommand, board: Board) -> list[Event]:
    """Do what `refuse` has nothing against. O(log offers)."""
    match command:
        case ReportTrade():
            board.post(Report(command, board.instrument(command.symbol)))
            return [TradeReported(command.report_id, command.symbol)]
        case ConfirmTrade():
            return _confirm(command, board)
        case WithdrawReport():
            return board.close(command.report_id, "requested")
        case DeclineReport():
            return board.close(command.report_id, "declined")
    assert_never(command)


def _refuse_report(command: ReportTrade, board: Board, now_ns: int) -> str | None:
    reason = board.refuse_new(command.symbol, command.report_id, "negotiated")
    if reason is not None:
        return reason
    instrument = board.instrument(command.symbol)
    if command.participant_id == command.counterparty_id:
        return "own_report"
    if command.side not in SIDES:
        return "invalid_side"
    if not instrument.on_lot(command.quantity, MAX_INTEGER):
        return "invalid_quantity"
    if not instrument.on_tick(command.price):
        return "invalid_price"
    if not now_ns < command.expires_ns <= MAX_TIME_NS:
        return "invalid_expires_ns"
    return None if instrument.in_band(command.price) else "outside_band"


def _confirm(command: ConfirmTrade, board: Board) -> list[Event]:
    """Nobody is the aggressor of what two have agreed on."""
    report = board.find(Report, command.report_id)
    assert report is not None
    terms = report.terms
    buy_id, sell_id = (report.id, command.confirm_id) if terms.side == "buy" else (command.confirm_id, report.id)
    events: list[Event] = [
        board.trade(report.instrument, terms.price, terms.quantity, buy_id, sell_id, None),
    ]
    report.close(board, "confirmed", events)
    return events
