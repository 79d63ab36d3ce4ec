"""The cashier: carries linked requests to the ledger and lets the purses follow, in both phases."""

from collections.abc import Sequence
from typing import Final

from settlement.books import Books
from settlement.clearing import Purse
from settlement.ledger import Creation, TransferRequest
from settlement.messages import CASH, Transfer
from settlement.messages.ledger import PendingChanged, PendingTransfer, PostingCause

_PARTICIPANT: Final = "participant:"


class Cashier:
    """Money only. What a participant's orders hold is not available to a request, nor is what is pending."""

    def __init__(self, books: Books) -> None:
        self._books: Final = books

    def create(self, batch: Sequence[TransferRequest]) -> Creation:
        """As `Ledger.create`; what was created is told by `tell`."""
        books = self._books
        created = books.ledger.create(batch, books.time_ns, self._reserved_elsewhere)
        if created.refusal is None:
            for transfer in created.transfers:
                self._follow(transfer)
            for pending in created.pendings:
                self._set_aside(pending)
        return created

    def tell(self, cause: PostingCause, reference_id: int, created: Creation) -> None:
        """What is pending, or no longer; then what was posted, linked."""
        for pending in created.pendings:
            self._books.events.append(PendingChanged(pending=pending))
        self._books.post(cause, reference_id, created.transfers)

    def expire(self) -> tuple[PendingTransfer, ...]:
        """What is free again because its time has come; told already."""
        expired = self._books.ledger.expire(self._books.time_ns)
        for pending in expired:
            self._set_aside(pending)
            self._books.events.append(PendingChanged(pending=pending))
        return expired

    def is_participants(self, account: str) -> bool:
        """Whether the account is one that a participant has."""
        return self._purse(account) is not None

    def _reserved_elsewhere(self, asset: str, account: str) -> int:
        purse = self._purse(account) if asset == CASH else None
        return 0 if purse is None else purse.reserved_fen - self._books.ledger.set_aside(CASH, account)

    def _follow(self, transfer: Transfer) -> None:
        for account, amount in ((transfer.debit, -transfer.amount), (transfer.credit, transfer.amount)):
            purse = self._purse(account)
            if purse is not None:
                purse.total_fen += amount
                self._books.touch(purse.participant_id, CASH)

    def _set_aside(self, pending: PendingTransfer) -> None:
        purse = self._purse(pending.debit)
        if purse is not None:
            purse.reserved_fen += pending.amount if pending.state == "pending" else -pending.amount
            self._books.touch(purse.participant_id, CASH)

    def _purse(self, account: str) -> Purse | None:
        kind, _, number = account.partition(":")
        if f"{kind}:" != _PARTICIPANT or not (number.isascii() and number.isdigit() and len(number) <= 16):
            return None
        purse = self._books.purses.get(int(number))
        return purse if purse is not None and purse.account == account else None
