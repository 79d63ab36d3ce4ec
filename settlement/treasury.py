"""The treasury: money that comes in, and money that operators move."""

from typing import Any, Final

from msgspec import Struct, msgpack

from settlement.books import Books
from settlement.ledger import BANK
from settlement.messages import (
    CASH,
    MAXIMUM_MONEY_FEN,
    AdjustCash,
    CashAdjusted,
    CashDeposited,
    Deposit,
)
from settlement.office import Handlers
from settlement.references import References

_encode = msgpack.Encoder().encode


class TreasuryState(Struct, frozen=True, array_like=True):
    deposit_references: list[str]
    adjustment_references: list[str]


class Treasury:
    """The office of money."""

    def __init__(self, books: Books) -> None:
        self._books: Final = books
        self._deposits = References()
        self._adjustments = References()

    def handlers(self) -> Handlers:
        return {Deposit: self._deposit, AdjustCash: self._adjust_cash}

    def _deposit(self, command: Deposit) -> None:
        """Refused: `unknown_participant`, `duplicate_reference`, `exceeds_maximum` (all money stays below 2⁶³)."""
        books = self._books
        purse = books.purses.get(command.participant_id)
        if purse is None:
            books.refuse(command, "unknown_participant", "participant_id")
            return
        if command.reference in self._deposits:
            books.refuse(command, "duplicate_reference", "reference")
            return
        if command.amount_fen - books.ledger.balance(CASH, BANK) > MAXIMUM_MONEY_FEN:
            books.refuse(command, "exceeds_maximum", "amount_fen")
            return
        deposits = self._deposits.take(command.reference)
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

    # State

    def next_deadline_ns(self) -> int | None:
        return None

    def reach(self) -> None:
        pass

    def state(self) -> bytes:
        return _encode(TreasuryState(self._deposits.state(), self._adjustments.state()))

    def restore(self, state: bytes) -> None:
        decoded = msgpack.decode(state, type=TreasuryState)
        self._deposits.restore(decoded.deposit_references)
        self._adjustments.restore(decoded.adjustment_references)

    def digest(self) -> Any:
        return self._deposits.digest(), self._adjustments.digest()

    def audit(self) -> None:
        """Every asset sums to zero, and the purses are the ledger's accounts. O(accounts)."""
        ledger = self._books.ledger
        ledger.audit()
        purses = self._books.purses
        for purse in purses.values():
            assert 0 <= purse.reserved_fen <= purse.total_fen
        cash = {purse.account: purse.total_fen for purse in purses.values() if purse.total_fen}
        kept = ledger.balances[CASH]
        assert {account: kept[account] for account in kept if account.startswith("participant:")} == cash
