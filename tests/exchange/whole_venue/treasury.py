"""Money between the venue and its bank as the events tell it: withdrawals, lines of statements, vouchers."""

from typing import Any

from settlement.messages import CASH, CashDeposited, LedgerPosted, PendingChanged
from settlement.messages.ledger import PendingTransfer
from settlement.messages.treasury import (
    BankLine,
    BankLineChanged,
    StatementImported,
    StatementReconciled,
    Voucher,
    VoucherChanged,
    Withdrawal,
    WithdrawalChanged,
)
from tests.exchange.whole_venue.money import Ledger

LIVE = ("requested", "approved")


class Treasury:
    """What is on its way out, what nobody knows for whom, what waits for an approval."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.withdrawals: dict[int, Withdrawal] = {}
        self.lines: dict[int, BankLine] = {}
        self.vouchers: dict[int, Voucher] = {}
        self.by_hand: dict[str, int] = {}
        self.last_date = ""
        self.closing_fen: int | None = None
        self.ended: dict[str, int] = {}
        self._pending: dict[str, PendingTransfer] = {}
        self._posted: dict[int, LedgerPosted] = {}
        self._paid_out: dict[int, Voucher] = {}

    def hear(self, event: Any) -> None:
        match event:
            case CashDeposited():
                self.by_hand[event.reference] = event.amount_fen
            case PendingChanged():
                if event.pending.state == "pending":
                    self._pending[event.pending.key] = event.pending
                else:
                    del self._pending[event.pending.key]
            case WithdrawalChanged():
                self._hear_withdrawal(event.withdrawal)
            case BankLineChanged():
                self._hear_line(event.line)
            case StatementImported():
                assert event.date > self.last_date
                assert self.closing_fen in (None, event.opening_fen)
                assert event.opening_fen + event.paid_in_fen - event.paid_out_fen == event.closing_fen
                self.last_date, self.closing_fen = event.date, event.closing_fen
            case StatementReconciled():
                self._judge_statement(event)
            case VoucherChanged():
                if event.voucher.state == "proposed":
                    self.vouchers[event.voucher.voucher_id] = event.voucher
                else:
                    del self.vouchers[event.voucher.voucher_id]
                if event.voucher.state == "posted":
                    self._paid_out[event.voucher.voucher_id] = event.voucher
            case LedgerPosted(cause="voucher"):
                voucher = self._paid_out.pop(event.reference_id)
                assert [(entry.debit, entry.credit, entry.amount_fen) for entry in voucher.entries] == [
                    (each.debit, each.credit, each.amount) for each in event.transfers
                ]
            case _:
                pass

    def _hear_withdrawal(self, withdrawal: Withdrawal) -> None:
        was = self.withdrawals.get(withdrawal.withdrawal_id)
        if withdrawal.state in LIVE:
            self.withdrawals[withdrawal.withdrawal_id] = withdrawal
        else:
            assert was is not None, withdrawal
            del self.withdrawals[withdrawal.withdrawal_id]
            self.ended[withdrawal.state] = self.ended.get(withdrawal.state, 0) + 1
        if withdrawal.state in ("approved", "paid"):
            assert len(dict.fromkeys(withdrawal.approvals)) >= 2, withdrawal
            assert withdrawal.participant_id not in withdrawal.approvals

    def _hear_line(self, line: BankLine) -> None:
        if line.state in ("booked", "released"):
            self.lines.pop(line.line_id, None)
            if line.matched_by == "by_hand":
                del self.by_hand[line.bank_reference]
        else:
            self.lines[line.line_id] = line
        if line.state == "released":
            assert line.release is not None
            assert line.release.approved_by not in (None, line.release.proposed_by), line

    def _judge_statement(self, told: StatementReconciled) -> None:
        bank_fen = -self._ledger.of(CASH, "bank")
        unassigned_fen = -sum(line.amount_fen for line in self.lines.values() if line.state == "unassigned")
        assert told.ledger_fen == bank_fen
        assert told.difference_fen == told.bank_fen - bank_fen
        assert told.by_hand_fen == sum(self.by_hand.values())
        assert told.unassigned_fen == unassigned_fen
        assert told.unexplained_fen == told.difference_fen + told.by_hand_fen + told.unassigned_fen
        assert told.suspense_fen == sum(line.amount_fen for line in self.lines.values() if line.state == "suspense")
        in_flight = [each.amount_fen for each in self.withdrawals.values() if each.state == "approved"]
        assert (told.in_flight, told.in_flight_fen) == (len(in_flight), sum(in_flight))

    def reserved(self, participant_id: int) -> int:
        """Fen that his live withdrawals hold."""
        live = self.withdrawals.values()
        return sum(each.amount_fen for each in live if each.participant_id == participant_id)

    def judge(self) -> None:
        """What lies in suspense is what its open lines say; what is on its way out is pending, and nothing else is."""
        assert not self._paid_out
        open_fen = sum(line.amount_fen for line in self.lines.values() if line.state in ("suspense", "returning"))
        assert self._ledger.of(CASH, "suspense") == open_fen
        pending = sorted((each.debit, each.amount, each.expires_ns or 0) for each in self._pending.values())
        live = sorted(
            (
                "suspense" if each.participant_id is None else f"participant:{each.participant_id}",
                each.amount_fen,
                each.expires_ns or 0,
            )
            for each in self.withdrawals.values()
        )
        assert pending == live
