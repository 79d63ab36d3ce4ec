"""A treasury without an exchange around it: the books, the office, and a clock that the test moves.

2026-11-24, a Tuesday, 10:00 in Suixi. Participants: 1 and 2 are operators, 3 the trader Li, 4 the trader Wang. Every
command is audited, and what the office writes down is read by another one, which must come to the same.
"""

from typing import Any

from settlement.books import OWN_ACCOUNTS, Books
from settlement.civil import DAY_NS, day_number, day_start_ns
from settlement.messages import CASH, BalanceChanged, Deposit, ParticipantRegistered, RegisterParticipant, Transfer
from settlement.messages.treasury import (
    ApproveWithdrawal,
    BankLine,
    BankLineChanged,
    ImportStatement,
    RequestWithdrawal,
    StatementLine,
    StatementReconciled,
    Withdrawal,
    WithdrawalChanged,
)
from settlement.treasury import Treasury
from settlement.venue import DEFAULT_VENUE

ADA, BO, LI, WANG = 1, 2, 3, 4
TODAY = "2026-11-24"
HOUR_NS = DAY_NS // 24


class Teller:
    """Each verb does one command and answers what it led to."""

    def __init__(self) -> None:
        day = day_number(TODAY)
        assert day is not None
        self.books = Books()
        self.books.configure(DEFAULT_VENUE)
        self.books.time_ns = day_start_ns(day) + 10 * HOUR_NS
        self.treasury = Treasury(self.books)
        for name, role in (("ada", "operator"), ("bo", "operator"), ("li", "trader"), ("wang", "trader")):
            self.books.admit(
                self.books.participants.register(
                    RegisterParticipant(name=name, display_name=name.title(), roles=(role,))  # type: ignore[arg-type]
                )
            )

    def do(self, command: Any) -> list[Any]:
        self.books.sequence += 1
        self.treasury.handlers()[type(command)](command)
        return self._close()

    def wait(self, passing_ns: int) -> list[Any]:
        """Let time pass, deadline by deadline as the engine does."""
        until_ns = self.books.time_ns + passing_ns
        while (due_ns := self.treasury.next_deadline_ns()) is not None and due_ns <= until_ns:
            self.books.time_ns = due_ns
            self.treasury.reach()
        self.books.time_ns = until_ns
        self.treasury.forget()
        return self._close()

    def _close(self) -> list[Any]:
        self.books.close()
        events = list(self.books.events)
        self.books.events.clear()
        self.treasury.audit()
        return events

    def restarted(self) -> "Teller":
        """Another teller who has read what this one wrote down."""
        other = Teller()
        other.books.sequence, other.books.time_ns = self.books.sequence, self.books.time_ns
        for purse in self.books.purses.values():
            kept = other.books.purses[purse.participant_id]
            kept.total_fen, kept.reserved_fen = purse.total_fen, purse.reserved_fen
        other.books.ledger.restore(self.books.ledger.last_transfer_id, self.books.ledger.state())
        written = self.treasury.state()
        other.treasury.restore(written)
        assert other.treasury.state() == written
        assert other.treasury.digest() == self.treasury.digest()
        other.treasury.audit()
        return other

    # Verbs

    def deposit(self, participant_id: int, amount_fen: int, reference: str) -> list[Any]:
        return self.do(Deposit(participant_id=participant_id, amount_fen=amount_fen, reference=reference))

    def ask(self, participant_id: int, amount_fen: int, client_reference: str = "w-1", **changes: Any) -> list[Any]:
        fields: dict[str, Any] = {"payee_name": "李明", "payee_bank": "农行遂溪支行", "payee_account": "6228480"}
        return self.do(
            RequestWithdrawal(
                participant_id=participant_id,
                amount_fen=amount_fen,
                client_reference=client_reference,
                **(fields | changes),
            )
        )

    def withdrawal(self, participant_id: int, amount_fen: int, client_reference: str = "w-1") -> Withdrawal:
        """Asked for, approved twice, and with the bank."""
        withdrawal_id = only(WithdrawalChanged, self.ask(participant_id, amount_fen, client_reference)).withdrawal
        withdrawal_id = withdrawal_id.withdrawal_id
        self.do(ApproveWithdrawal(operator_id=ADA, withdrawal_id=withdrawal_id))
        approved: Withdrawal = only(
            WithdrawalChanged, self.do(ApproveWithdrawal(operator_id=BO, withdrawal_id=withdrawal_id))
        ).withdrawal
        return approved

    def statement(self, *lines: StatementLine, date: str = TODAY, opening_fen: int = 0, **changes: Any) -> list[Any]:
        fields: dict[str, Any] = {"closing_fen": opening_fen + sum(line.amount_fen for line in lines)}
        fields |= {"operator_id": ADA}
        return self.do(ImportStatement(date=date, opening_fen=opening_fen, lines=lines, **(fields | changes)))

    # Looking

    def money(self, participant_id: int) -> tuple[int, int]:
        """(total, reserved) fen."""
        purse = self.books.purses[participant_id]
        return purse.total_fen, purse.reserved_fen

    def own(self) -> dict[str, int]:
        """The venue's own accounts that are not empty."""
        balances = {account: self.books.ledger.balance(CASH, account) for account in OWN_ACCOUNTS}
        return {account: balance for account, balance in balances.items() if balance}


def line(bank_reference: str, amount_fen: int, memo: str = "", **fields: Any) -> StatementLine:
    return StatementLine(bank_reference=bank_reference, amount_fen=amount_fen, memo=memo, **fields)


def lines_of(events: list[Any]) -> list[BankLine]:
    return [event.line for event in events if isinstance(event, BankLineChanged)]


def reconciled(events: list[Any]) -> StatementReconciled:
    found: StatementReconciled = only(StatementReconciled, events)
    return found


def only(kind: type, events: list[Any]) -> Any:
    """The one event of this kind."""
    (event,) = [event for event in events if type(event) is kind]
    return event


def kinds(events: list[Any]) -> list[str]:
    """What happened, balances left out."""
    told = [event for event in events if not isinstance(event, BalanceChanged | ParticipantRegistered)]
    return [event.__struct_config__.tag for event in told]


def told(transfers: tuple[Transfer, ...]) -> list[str]:
    return [f"{posted.debit} -> {posted.credit} {posted.amount}" for posted in transfers]
