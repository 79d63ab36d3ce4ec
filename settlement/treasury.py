"""The treasury: money that comes in and goes out, and money that operators move.

    treasury ── deposits and adjustments by hand
       ├── cashier       requests to the ledger, purses that follow
       ├── withdrawals   on their way out
       ├── bank          statements, suspense, reconciliation
       └── vouchers      linked transfers by hand

It is also the office of the ledger's pending transfers: they are kept and expire here.
"""

from typing import Any, Final

from msgspec import Struct, msgpack

from settlement.bank import Bank, BankState
from settlement.books import Books
from settlement.cashier import Cashier
from settlement.ledger import BANK, TwoPhaseState
from settlement.messages import (
    CASH,
    MAXIMUM_MONEY_FEN,
    AdjustCash,
    CashAdjusted,
    CashDeposited,
    Deposit,
)
from settlement.messages.treasury import (
    ApproveRelease,
    ApproveVoucher,
    ApproveWithdrawal,
    CancelWithdrawal,
    ImportStatement,
    ProposeRelease,
    ProposeVoucher,
    RejectRelease,
    RejectVoucher,
    RejectWithdrawal,
    RequestWithdrawal,
)
from settlement.office import Handlers
from settlement.references import References
from settlement.vouchers import Vouchers, VouchersState
from settlement.withdrawals import Withdrawals, WithdrawalsState

_encode = msgpack.Encoder().encode


class TreasuryState(Struct, frozen=True, array_like=True):
    deposit_references: list[str]
    adjustment_references: list[str]
    two_phase: TwoPhaseState
    withdrawals: WithdrawalsState
    bank: BankState
    vouchers: VouchersState


class Treasury:
    """The office of money."""

    def __init__(self, books: Books) -> None:
        self._books: Final = books
        self._deposits = References()
        self._adjustments = References()
        self._cashier: Final = Cashier(books)
        self._withdrawals: Final = Withdrawals(books, self._cashier)
        self._bank: Final = Bank(books, self._withdrawals)
        self._vouchers: Final = Vouchers(books, self._cashier)

    def handlers(self) -> Handlers:
        return {
            Deposit: self._deposit,
            AdjustCash: self._adjust_cash,
            RequestWithdrawal: self._withdrawals.request,
            CancelWithdrawal: self._withdrawals.cancel,
            ApproveWithdrawal: self._withdrawals.approve,
            RejectWithdrawal: self._reject_withdrawal,
            ImportStatement: self._bank.import_statement,
            ProposeRelease: self._bank.propose,
            ApproveRelease: self._bank.approve,
            RejectRelease: self._bank.reject,
            ProposeVoucher: self._vouchers.propose,
            ApproveVoucher: self._vouchers.approve,
            RejectVoucher: self._vouchers.reject,
        }

    def reserved_by_participant(self) -> dict[int, int]:
        """What the treasury holds reserved of each purse; nothing for those not named. O(live withdrawals)."""
        return self._withdrawals.reserved_by_participant()

    def _deposit(self, command: Deposit) -> None:
        """Refused: `unknown_participant`, `duplicate_reference` (the bank's statement may have shown it already),
        `exceeds_maximum` (all money stays below 2⁶³).
        """
        books = self._books
        purse = books.purses.get(command.participant_id)
        if purse is None:
            books.refuse(command, "unknown_participant", "participant_id")
            return
        if command.reference in self._deposits or self._bank.has_shown(command.reference):
            books.refuse(command, "duplicate_reference", "reference")
            return
        if command.amount_fen - books.ledger.balance(CASH, BANK) > MAXIMUM_MONEY_FEN:
            books.refuse(command, "exceeds_maximum", "amount_fen")
            return
        deposits = self._deposits.take(command.reference)
        self._bank.expect(command.reference, command.participant_id, command.amount_fen)
        books.events.append(
            CashDeposited(
                participant_id=command.participant_id, amount_fen=command.amount_fen, reference=command.reference
            )
        )
        books.post("deposit", deposits, (books.pay(BANK, purse, command.amount_fen),))

    def _adjust_cash(self, command: AdjustCash) -> None:
        """Refused: `unknown_participant`, `same_participant`, `duplicate_reference`, `insufficient_funds`."""
        books = self._books
        if not books.may(command, "operator_id", ("operator",)):
            return
        for field in ("debit_id", "credit_id"):
            if getattr(command, field) not in books.purses:
                books.refuse(command, "unknown_participant", field)
                return
        if command.debit_id == command.credit_id:
            books.refuse(command, "same_participant", "credit_id")
            return
        if command.reference in self._adjustments:
            books.refuse(command, "duplicate_reference", "reference")
            return
        payer, payee = books.purses[command.debit_id], books.purses[command.credit_id]
        if command.amount_fen > payer.total_fen - payer.reserved_fen:
            books.refuse(command, "insufficient_funds", "amount_fen")
            return
        adjustments = self._adjustments.take(command.reference)
        books.events.append(
            CashAdjusted(
                operator_id=command.operator_id,
                debit_id=command.debit_id,
                credit_id=command.credit_id,
                amount_fen=command.amount_fen,
                reference=command.reference,
                reason=command.reason,
            )
        )
        books.post("adjustment", adjustments, (books.pay(payer, payee, command.amount_fen),))

    def _reject_withdrawal(self, command: RejectWithdrawal) -> None:
        """What was to return to its sender is open again."""
        rejected = self._withdrawals.reject(command)
        if rejected is not None and rejected.line_id is not None:
            self._bank.take_back(rejected.line_id)

    # Time

    def next_deadline_ns(self) -> int | None:
        return self._books.ledger.next_timeout_ns()

    def reach(self) -> None:
        self._withdrawals.expire(self._cashier.expire())

    def forget(self) -> None:
        """What ended long ago is not remembered any more. Time's coming alone does that: a request that is refused, or
        was made before, changes nothing.
        """
        self._books.ledger.forget(self._books.time_ns)
        self._withdrawals.forget()

    # State

    def state(self) -> bytes:
        return _encode(
            TreasuryState(
                self._deposits.state(),
                self._adjustments.state(),
                self._books.ledger.two_phase_state(),
                self._withdrawals.state(),
                self._bank.state(),
                self._vouchers.state(),
            )
        )

    def restore(self, state: bytes) -> None:
        decoded = msgpack.decode(state, type=TreasuryState)
        self._deposits.restore(decoded.deposit_references)
        self._adjustments.restore(decoded.adjustment_references)
        self._books.ledger.restore_two_phase(decoded.two_phase)
        self._withdrawals.restore(decoded.withdrawals)
        self._bank.restore(decoded.bank)
        self._vouchers.restore(decoded.vouchers)

    def digest(self) -> Any:
        return (
            self._deposits.digest(),
            self._adjustments.digest(),
            self._books.ledger.two_phase_digest(),
            self._withdrawals.digest(),
            self._bank.digest(),
            self._vouchers.digest(),
        )

    def audit(self) -> None:
        """Every asset sums to zero, the purses are the ledger's accounts, and what is on its way out or undecided lies
        where it is said to. O(accounts + what is open).
        """
        ledger = self._books.ledger
        ledger.audit()
        purses = self._books.purses
        for purse in purses.values():
            assert 0 <= purse.reserved_fen <= purse.total_fen
        cash = {purse.account: purse.total_fen for purse in purses.values() if purse.total_fen}
        kept = ledger.balances[CASH]
        assert {account: kept[account] for account in kept if account.startswith("participant:")} == cash
        self._withdrawals.audit()
        self._bank.audit()
        self._vouchers.audit()
