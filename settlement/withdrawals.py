"""Withdrawals: money on its way out, from the request to the bank's word that it was paid.

    requested ──► approved ──► paid        the bank's statement shows it
        │             │
        │             └──────► rejected    by two operators: the bank will not pay
        ├──► rejected                      by one
        ├──► cancelled                     by the participant
        └──► expired                       nobody approved in time

The amount is a pending transfer to the bank from the request on; each approval and end is that transfer's too. Once two
operators have approved, the bank may pay at any moment, so nothing but its word ends what is in flight.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from settlement.books import Books
from settlement.cashier import Cashier
from settlement.digest import Digest
from settlement.ledger import BANK, REMEMBERED_NS, Pend, PostPending, VoidPending
from settlement.messages import CASH
from settlement.messages.ledger import PendingTransfer
from settlement.messages.treasury import (
    ApproveWithdrawal,
    BankLine,
    CancelWithdrawal,
    RejectWithdrawal,
    RequestWithdrawal,
    Withdrawal,
    WithdrawalChanged,
    WithdrawalRepeated,
    WithdrawalState,
)
from settlement.payment_codes import withdrawal_number

SUSPENSE: Final = "suspense"
"""Where lies what came in and nobody knows for whom."""

MAXIMUM_LIVE: Final = 100
"""Of one participant at a time."""

LIVE: Final = ("requested", "approved")
APPROVALS: Final = 2

_CONTENT: Final = ("amount_fen", "payee_name", "payee_bank", "payee_account")
"""What a repeated request must repeat."""


class WithdrawalsState(Struct, frozen=True, array_like=True):
    last_withdrawal_id: int
    withdrawals: list[Withdrawal]


class Withdrawals:
    """Live ones, and those that ended within thirty days: so long a client's reference answers with the same."""

    def __init__(self, books: Books, cashier: Cashier) -> None:
        self._books: Final = books
        self._cashier: Final = cashier
        self._last_withdrawal_id = 0
        self._withdrawals: dict[int, Withdrawal] = {}
        self._by_reference: dict[tuple[int, str], int] = {}
        self._live: dict[int, dict[int, None]] = {}
        self._in_flight: dict[int, None] = {}
        self._ended: deque[Withdrawal] = deque()
        self._digest: Digest[int] = Digest()

    # Commands

    def request(self, command: RequestWithdrawal) -> None:
        books = self._books
        purse = books.purses.get(command.participant_id)
        if purse is None:
            books.refuse(command, "unknown_participant", "participant_id")
            return
        known = self._by_reference.get((command.participant_id, command.client_reference))
        if known is not None:
            self._repeat(command, self._withdrawals[known])
            return
        if len(self._live.get(command.participant_id, ())) >= MAXIMUM_LIVE:
            books.refuse(command, "too_many_withdrawals")
            return
        key = _request_key(command.participant_id, command.client_reference)
        created = self._cashier.create([Pend(key, CASH, purse.account, BANK, command.amount_fen, command.life_ns)])
        if created.refusal is not None:
            books.refuse(command, created.refusal, "amount_fen")
            return
        self._last_withdrawal_id = withdrawal_id = self._last_withdrawal_id + 1
        self._change(
            Withdrawal(
                withdrawal_id=withdrawal_id,
                number=withdrawal_number(withdrawal_id),
                participant_id=command.participant_id,
                client_reference=command.client_reference,
                amount_fen=command.amount_fen,
                payee_name=command.payee_name,
                payee_bank=command.payee_bank,
                payee_account=command.payee_account,
                state="requested",
                requested_ns=books.time_ns,
                expires_ns=created.pendings[0].expires_ns,
            )
        )
        self._cashier.tell("withdrawal", withdrawal_id, created)

    def cancel(self, command: CancelWithdrawal) -> None:
        withdrawal = self._withdrawals.get(command.withdrawal_id)
        if withdrawal is None or withdrawal.participant_id != command.participant_id:
            self._books.refuse(command, "unknown_withdrawal", "withdrawal_id")
        elif withdrawal.state == "approved":
            self._books.refuse(command, "already_approved", "withdrawal_id")
        elif withdrawal.state != "requested":
            self._books.refuse(command, "already_ended", "withdrawal_id")
        else:
            self._void(withdrawal, "cancelled")

    def approve(self, command: ApproveWithdrawal) -> None:
        if not self._books.may(command, "operator_id", ("operator",)):
            return
        withdrawal = self._withdrawals.get(command.withdrawal_id)
        refusal = _refuse_approval(withdrawal, command.operator_id)
        if withdrawal is None or refusal is not None:
            self._books.refuse(command, refusal or "unknown_withdrawal", "withdrawal_id")
            return
        approvals = (*withdrawal.approvals, command.operator_id)
        if len(approvals) < APPROVALS:
            self._change(replace(withdrawal, approvals=approvals))
            return
        # From here on it waits for the bank, however long that takes: what is set aside anew has no timeout.
        asked = _key(withdrawal)
        approved = replace(withdrawal, approvals=approvals, state="approved", expires_ns=None)
        created = self._cashier.create([VoidPending(f"voided:{asked}", asked), self._pend(approved)])
        assert created.refusal is None, created
        self._change(approved)
        self._cashier.tell("withdrawal", withdrawal.withdrawal_id, created)

    def reject(self, command: RejectWithdrawal) -> Withdrawal | None:
        """The withdrawal where this ended it."""
        if not self._books.may(command, "operator_id", ("operator",)):
            return None
        withdrawal = self._withdrawals.get(command.withdrawal_id)
        refusal = _refuse_rejection(withdrawal, command.operator_id)
        if withdrawal is None or refusal is not None:
            self._books.refuse(command, refusal or "unknown_withdrawal", "withdrawal_id")
            return None
        rejected = replace(withdrawal, rejections=(*withdrawal.rejections, command.operator_id), reason=command.reason)
        if withdrawal.state == "approved" and len(rejected.rejections) < APPROVALS:
            self._change(rejected)
            return None
        return self._void(rejected, "rejected")

    # What others have done

    def refund(self, line: BankLine, operators: tuple[int, int]) -> Withdrawal:
        """Have the bank pay a line in suspense back to its sender; both operators have approved already."""
        self._last_withdrawal_id = withdrawal_id = self._last_withdrawal_id + 1
        withdrawal = Withdrawal(
            withdrawal_id=withdrawal_id,
            number=withdrawal_number(withdrawal_id),
            line_id=line.line_id,
            amount_fen=line.amount_fen,
            payee_name=line.counterparty,
            payee_bank="",
            payee_account=line.counterparty_account,
            state="approved",
            requested_ns=self._books.time_ns,
            approvals=operators,
        )
        created = self._cashier.create([self._pend(withdrawal)])
        assert created.refusal is None, created
        self._change(withdrawal)
        self._cashier.tell("withdrawal", withdrawal_id, created)
        return withdrawal

    def refuse_payment(self, withdrawal_id: int, amount_fen: int) -> str | None:
        """Why a payment of so much is not this withdrawal's: `unknown_withdrawal` (ended long ago, too),
        `not_in_flight`, `amount_differs`.
        """
        withdrawal = self._withdrawals.get(withdrawal_id)
        if withdrawal is None:
            return "unknown_withdrawal"
        if withdrawal.state != "approved":
            return "not_in_flight"
        return None if withdrawal.amount_fen == amount_fen else "amount_differs"

    def pay(self, withdrawal_id: int, line_id: int) -> Withdrawal:
        """The bank has paid it, as that line shows."""
        withdrawal = self._withdrawals[withdrawal_id]
        key = _key(withdrawal)
        created = self._cashier.create([PostPending(f"posted:{key}", key)])
        assert created.refusal is None, created
        paid = replace(withdrawal, state="paid", paid_line_id=line_id, ended_ns=self._books.time_ns)
        self._change(paid)
        self._cashier.tell("withdrawal", withdrawal_id, created)
        return paid

    def expire(self, expired: Iterable[PendingTransfer]) -> None:
        """What was set aside is free again; the withdrawals that these were have ended."""
        keys = {pending.key: None for pending in expired}
        for withdrawal in list(self._withdrawals.values()) if keys else ():
            if withdrawal.state == "requested" and _key(withdrawal) in keys:
                self._end(withdrawal, "expired", "not_approved")

    def forget(self) -> None:
        """What ended thirty days ago is not remembered any more. O(1) each."""
        latest_ns = self._books.time_ns - REMEMBERED_NS
        ended = self._ended
        while ended and ended[0].ended_ns is not None and ended[0].ended_ns <= latest_ns:
            forgotten = ended.popleft()
            del self._withdrawals[forgotten.withdrawal_id]
            self._digest.changed[forgotten.withdrawal_id] = None
            if forgotten.participant_id is not None and forgotten.client_reference is not None:
                del self._by_reference[forgotten.participant_id, forgotten.client_reference]

    # Looking

    def in_flight(self) -> tuple[int, int]:
        """How many are at the bank, and how much. O(in flight)."""
        return len(self._in_flight), sum(self._withdrawals[each].amount_fen for each in self._in_flight)

    def reserved_by_participant(self) -> dict[int, int]:
        """What each participant's live withdrawals hold of his money. O(live)."""
        return {
            participant_id: sum(self._withdrawals[each].amount_fen for each in live)
            for participant_id, live in self._live.items()
        }

    # State

    def state(self) -> WithdrawalsState:
        return WithdrawalsState(
            self._last_withdrawal_id, [self._withdrawals[each] for each in sorted(self._withdrawals)]
        )

    def restore(self, state: WithdrawalsState) -> None:
        self._last_withdrawal_id = state.last_withdrawal_id
        for withdrawal in state.withdrawals:
            self._enter(withdrawal)
        ended = [withdrawal for withdrawal in state.withdrawals if withdrawal.ended_ns is not None]
        self._ended.extend(sorted(ended, key=lambda each: (each.ended_ns, each.withdrawal_id)))

    def digest(self) -> tuple[int, bytes]:
        return self._last_withdrawal_id, self._digest.bring_up_to_date(self._withdrawals.get)

    def audit(self) -> None:
        """Each live one is pending in the ledger, no other is, and the purses know. O(withdrawals)."""
        ledger = self._books.ledger
        live = [withdrawal for withdrawal in self._withdrawals.values() if withdrawal.state in LIVE]
        for withdrawal in live:
            pending = ledger.pending(_key(withdrawal))
            assert pending is not None
            assert (pending.state, pending.amount) == ("pending", withdrawal.amount_fen)
            assert pending.debit == self._account(withdrawal)
            assert pending.expires_ns == withdrawal.expires_ns
        assert [each.withdrawal_id for each in live if each.state == "approved"] == sorted(self._in_flight)
        by_participant = self.reserved_by_participant()
        for participant_id, purse in self._books.purses.items():
            reserved_fen = by_participant.get(participant_id, 0)
            assert reserved_fen == ledger.set_aside(CASH, purse.account) <= purse.reserved_fen
        assert sum(by_participant.values()) == sum(each.amount_fen for each in live if each.participant_id is not None)
        assert sum(each.ended_ns is not None for each in self._withdrawals.values()) == len(self._ended)

    # Changing

    def _repeat(self, command: RequestWithdrawal, withdrawal: Withdrawal) -> None:
        for field in _CONTENT:
            if getattr(command, field) != getattr(withdrawal, field):
                self._books.refuse(command, f"exists_with_different_{field}", field)
                return
        self._books.events.append(WithdrawalRepeated(withdrawal=withdrawal))

    def _pend(self, withdrawal: Withdrawal) -> Pend:
        return Pend(_key(withdrawal), CASH, self._account(withdrawal), BANK, withdrawal.amount_fen)

    def _account(self, withdrawal: Withdrawal) -> str:
        """Where the money lies."""
        if withdrawal.participant_id is None:
            return SUSPENSE
        return self._books.purses[withdrawal.participant_id].account

    def _void(self, withdrawal: Withdrawal, state: WithdrawalState) -> Withdrawal:
        key = _key(withdrawal)
        created = self._cashier.create([VoidPending(f"voided:{key}", key)])
        assert created.refusal is None, created
        ended = self._end(withdrawal, state, withdrawal.reason)
        self._cashier.tell("withdrawal", withdrawal.withdrawal_id, created)
        return ended

    def _end(self, withdrawal: Withdrawal, state: WithdrawalState, reason: str | None) -> Withdrawal:
        ended = replace(withdrawal, state=state, reason=reason, ended_ns=self._books.time_ns)
        self._change(ended)
        return ended

    def _change(self, withdrawal: Withdrawal) -> None:
        self._enter(withdrawal)
        if withdrawal.ended_ns is not None:
            self._ended.append(withdrawal)
        self._books.events.append(WithdrawalChanged(withdrawal=withdrawal))

    def _enter(self, withdrawal: Withdrawal) -> None:
        withdrawal_id = withdrawal.withdrawal_id
        self._withdrawals[withdrawal_id] = withdrawal
        self._digest.changed[withdrawal_id] = None
        if withdrawal.state == "approved":
            self._in_flight[withdrawal_id] = None
        else:
            self._in_flight.pop(withdrawal_id, None)
        participant_id = withdrawal.participant_id
        if participant_id is None:
            return
        assert withdrawal.client_reference is not None
        self._by_reference[participant_id, withdrawal.client_reference] = withdrawal_id
        live = self._live.setdefault(participant_id, {})
        if withdrawal.state in LIVE:
            live[withdrawal_id] = None
        else:
            live.pop(withdrawal_id, None)
        if not live:
            del self._live[participant_id]


def _request_key(participant_id: int, client_reference: str) -> str:
    return f"request:{participant_id}:{client_reference}"


def _key(withdrawal: Withdrawal) -> str:
    """What its pending transfer is known by: asked for with the client's reference, at the bank by its number."""
    if withdrawal.state == "requested" and withdrawal.participant_id is not None:
        return _request_key(withdrawal.participant_id, withdrawal.client_reference or "")
    return f"payment:{withdrawal.withdrawal_id}"


def _refuse_approval(withdrawal: Withdrawal | None, operator_id: int) -> str | None:
    if withdrawal is None:
        return "unknown_withdrawal"
    if withdrawal.state not in LIVE:
        return "already_ended"
    if withdrawal.state == "approved":
        return "already_approved"
    if operator_id == withdrawal.participant_id:
        return "own_withdrawal"
    return "same_operator" if operator_id in withdrawal.approvals else None


def _refuse_rejection(withdrawal: Withdrawal | None, operator_id: int) -> str | None:
    if withdrawal is None:
        return "unknown_withdrawal"
    if withdrawal.state not in LIVE:
        return "already_ended"
    return "same_operator" if operator_id in withdrawal.rejections else None
