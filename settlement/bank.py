"""The bank's word: its daily statements, whose money each line is, and what is done with lines that are nobody's.

    line came in ──► whose?  virtual account, or deposit code in the memo ──► participant
                            booked by hand already, by the bank's reference ─► nothing more
                            else ──► suspense ──► four eyes ──► participant, venue, or back to the sender
    line went out ─► a withdrawal in flight, by its number in the memo ─────► posted
                            else unassigned: not in the ledger until four eyes say who is charged

Statements follow each other day by day, each opening with what the last one closed with. Nothing else but deposits
booked by hand, vouchers and what is done about unassigned lines moves the ledger's `bank`, so its balance after a
statement is the statement's, but for those, and what differs is told.
"""

from typing import Any, Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from settlement.books import Account, Books
from settlement.civil import day_number, venue_day
from settlement.digest import Digest
from settlement.ledger import BANK
from settlement.messages import CASH, MAXIMUM_MONEY_FEN, RequestRefused
from settlement.messages.treasury import (
    MAXIMUM_LINES,
    ApproveRelease,
    BankLine,
    BankLineChanged,
    ImportStatement,
    MatchedBy,
    ProposeRelease,
    RejectRelease,
    Release,
    StatementImported,
    StatementLine,
    StatementReconciled,
    Unmatched,
)
from settlement.payment_codes import PAY_IN, PAY_OUT, find_codes, read_virtual_account
from settlement.references import References
from settlement.vouchers import INCOME_ACCOUNTS
from settlement.withdrawals import SUSPENSE, Withdrawals

OLDEST_DAYS: Final = 366
"""A statement is of at most so many days ago."""

REMEMBERED_DAYS: Final = 400
"""So long the bank's references are known, before the newest statement: longer than a statement may be old."""

_REFERENCE_OF: Final = {"participant": "participant_id", "venue": "account", "withdrawal": "withdrawal_id"}
"""What each way of releasing names."""


class ByHand(Struct, frozen=True, array_like=True):
    """A deposit that an operator booked and no statement has shown yet."""

    reference: str
    participant_id: int
    amount_fen: int


class BankState(Struct, frozen=True, array_like=True):
    last_line_id: int
    closing_fen: int | None
    dates: list[str]
    seen: list[tuple[str, int]]
    by_hand: list[ByHand]
    lines: list[BankLine]


class Match(NamedTuple):
    """Whose a line is, or why it is nobody's."""

    by: MatchedBy | None = None
    unmatched: Unmatched | None = None
    participant_id: int | None = None
    withdrawal_id: int | None = None


class Bank:
    """What the bank has told, and lines that wait for a decision; what is decided is not kept."""

    def __init__(self, books: Books, withdrawals: Withdrawals) -> None:
        self._books: Final = books
        self._withdrawals: Final = withdrawals
        self._last_line_id = 0
        self._closing_fen: int | None = None
        self._dates = References()
        self._last_date = ""
        # The bank's references by the day of their statement, ascending by it.
        self._seen: dict[str, int] = {}
        self._by_hand: dict[str, ByHand] = {}
        self._lines: dict[int, BankLine] = {}
        self._seen_digest: Digest[str] = Digest()
        self._by_hand_digest: Digest[str] = Digest()
        self._line_digest: Digest[int] = Digest()

    # Deposits by hand

    def has_shown(self, reference: str) -> bool:
        """Whether a statement of the last year had a line of this reference. O(1)."""
        return reference in self._seen

    def expect(self, reference: str, participant_id: int, amount_fen: int) -> None:
        """Booked by hand: a line of this reference is to come."""
        self._by_hand[reference] = ByHand(reference, participant_id, amount_fen)
        self._by_hand_digest.changed[reference] = None

    # Statements

    def import_statement(self, command: ImportStatement) -> None:
        books = self._books
        if not books.may(command, "operator_id", ("operator",)):
            return
        refused = self._refuse(command)
        if refused is not None:
            books.events.append(refused)
            return
        day = day_number(command.date)
        assert day is not None
        statement_id = self._dates.take(command.date)
        self._last_date = command.date
        self._closing_fen = command.closing_fen
        self._forget(day)
        amounts = [line.amount_fen for line in command.lines]
        books.events.append(
            StatementImported(
                statement_id=statement_id,
                date=command.date,
                opening_fen=command.opening_fen,
                closing_fen=command.closing_fen,
                lines=len(command.lines),
                paid_in_fen=sum(amount for amount in amounts if amount > 0),
                paid_out_fen=-sum(amount for amount in amounts if amount < 0),
                operator_id=command.operator_id,
            )
        )
        for position, line in enumerate(command.lines, 1):
            self._seen[line.bank_reference] = day
            self._seen_digest.changed[line.bank_reference] = None
            self._book(line, statement_id, position, command.date)
        books.events.append(self._reconcile(statement_id, command))

    def propose(self, command: ProposeRelease) -> None:
        if not self._books.may(command, "operator_id", ("operator",)):
            return
        line = self._lines.get(command.line_id)
        if line is None:
            self._books.refuse(command, "unknown_line", "line_id")
            return
        refusal = self._refuse_proposal(line, command)
        if refusal is not None:
            self._books.refuse(command, *refusal)
            return
        release = Release(
            to=command.to,
            participant_id=command.participant_id,
            account=command.account,
            withdrawal_id=command.withdrawal_id,
            reason=command.reason,
            proposed_by=command.operator_id,
        )
        self._change(replace(line, release=release))

    def approve(self, command: ApproveRelease) -> None:
        line = self._proposed(command)
        if line is None:
            return
        release = line.release
        assert release is not None
        if release.proposed_by == command.operator_id:
            self._books.refuse(command, "same_operator", "operator_id")
            return
        approved = replace(line, release=replace(release, approved_by=command.operator_id))
        match release.to:
            case "sender":
                withdrawal = self._withdrawals.refund(line, (release.proposed_by, command.operator_id))
                self._change(replace(approved, state="returning", withdrawal_id=withdrawal.withdrawal_id))
            case "withdrawal":
                assert release.withdrawal_id is not None
                refusal = self._withdrawals.refuse_payment(release.withdrawal_id, -line.amount_fen)
                if refusal is not None:
                    self._books.refuse(command, refusal, "line_id")
                    return
                self._change(replace(approved, state="released", withdrawal_id=release.withdrawal_id))
                self._pay(release.withdrawal_id, line.line_id)
            case _:
                self._release(command, approved, release)

    def reject(self, command: RejectRelease) -> None:
        line = self._proposed(command)
        if line is not None:
            self._change(replace(line, release=None))

    def take_back(self, line_id: int) -> None:
        """The bank did not pay it back to its sender: it lies in suspense again."""
        line = self._lines[line_id]
        self._change(replace(line, state="suspense", release=None, withdrawal_id=None))

    # State

    def state(self) -> BankState:
        return BankState(
            self._last_line_id,
            self._closing_fen,
            self._dates.state(),
            list(self._seen.items()),
            list(self._by_hand.values()),
            [self._lines[line_id] for line_id in sorted(self._lines)],
        )

    def restore(self, state: BankState) -> None:
        self._last_line_id = state.last_line_id
        self._closing_fen = state.closing_fen
        self._dates.restore(state.dates)
        self._last_date = state.dates[-1] if state.dates else ""
        for reference, day in state.seen:
            self._seen[reference] = day
            self._seen_digest.changed[reference] = None
        for deposit in state.by_hand:
            self.expect(deposit.reference, deposit.participant_id, deposit.amount_fen)
        for line in state.lines:
            self._lines[line.line_id] = line
            self._line_digest.changed[line.line_id] = None

    def digest(self) -> Any:
        return (
            self._last_line_id,
            self._closing_fen,
            self._dates.digest(),
            self._seen_digest.bring_up_to_date(self._seen_item),
            self._by_hand_digest.bring_up_to_date(self._by_hand.get),
            self._line_digest.bring_up_to_date(self._lines.get),
        )

    def audit(self) -> None:
        """What lies in suspense is what came in and was not released. O(open lines + references)."""
        ledger = self._books.ledger
        suspended = [line for line in self._lines.values() if line.state != "unassigned"]
        assert all(line.amount_fen > 0 and line.state in ("suspense", "returning") for line in suspended)
        assert ledger.balance(CASH, SUSPENSE) == sum(line.amount_fen for line in suspended)
        returning = sum(line.amount_fen for line in suspended if line.state == "returning")
        assert ledger.set_aside(CASH, SUSPENSE) == returning
        assert all(line.amount_fen < 0 for line in self._lines.values() if line.state == "unassigned")
        days = list(self._seen.values())
        assert days == sorted(days)

    # Booking

    def _refuse(self, command: ImportStatement) -> RequestRefused | None:
        """The first rule that a statement breaks, with the line where there is one."""

        def refused(reason: str, field: str, detail: str = "") -> RequestRefused:
            return RequestRefused(command="import_statement", reason=reason, field=field, detail=detail)

        day = day_number(command.date)
        today = venue_day(self._books.time_ns)
        if day is None or not today - OLDEST_DAYS <= day <= today:
            return refused("outside_calendar", "date", f"{command.date} is no day of the last {OLDEST_DAYS}")
        if command.date in self._dates:
            return refused("duplicate_statement", "date", f"the statement of {command.date} is imported already")
        if command.date < self._last_date:
            return refused("out_of_order", "date", f"the statement of {self._last_date} is imported already")
        if len(command.lines) > MAXIMUM_LINES:
            return refused("too_many_lines", "lines", f"{len(command.lines)} lines, at most {MAXIMUM_LINES}")
        references: dict[str, None] = {}
        paid_in_fen = 0
        for position, line in enumerate(command.lines, 1):
            if line.amount_fen == 0:
                return refused("invalid_amount_fen", "lines", f"line {position} moves nothing")
            if line.bank_reference in references or line.bank_reference in self._seen:
                return refused("duplicate_bank_reference", "lines", f"line {position}: {line.bank_reference}")
            references[line.bank_reference] = None
            paid_in_fen += max(0, line.amount_fen)
        if self._closing_fen is not None and command.opening_fen != self._closing_fen:
            detail = f"opens with {command.opening_fen} fen, the statement of {self._last_date} closed with "
            return refused("balance_gap", "opening_fen", f"{detail}{self._closing_fen}")
        reached_fen = command.opening_fen + sum(line.amount_fen for line in command.lines)
        if reached_fen != command.closing_fen:
            detail = f"opening and lines make {reached_fen} fen, not {command.closing_fen}"
            return refused("lines_do_not_add_up", "closing_fen", detail)
        if paid_in_fen - self._books.ledger.balance(CASH, BANK) > MAXIMUM_MONEY_FEN:
            return refused("exceeds_maximum", "lines")
        return None

    def _book(self, told: StatementLine, statement_id: int, position: int, date: str) -> None:
        """Take a line, and move what it moves."""
        books = self._books
        match = self._match_in(told) if told.amount_fen > 0 else self._match_out(told)
        self._last_line_id = line_id = self._last_line_id + 1
        if match.by is None:
            state: Any = "suspense" if told.amount_fen > 0 else "unassigned"
        else:
            state = "booked"
        self._change(
            BankLine(
                line_id=line_id,
                statement_id=statement_id,
                position=position,
                date=date,
                bank_reference=told.bank_reference,
                amount_fen=told.amount_fen,
                counterparty=told.counterparty,
                counterparty_account=told.counterparty_account,
                virtual_account=told.virtual_account,
                memo=told.memo,
                state=state,
                matched_by=match.by,
                unmatched=match.unmatched,
                participant_id=match.participant_id,
                withdrawal_id=match.withdrawal_id,
            )
        )
        if state == "suspense":
            books.post("suspense", line_id, (books.pay(BANK, SUSPENSE, told.amount_fen),))
        elif match.by == "by_hand":
            del self._by_hand[told.bank_reference]
            self._by_hand_digest.changed[told.bank_reference] = None
        elif match.withdrawal_id is not None and match.by == "withdrawal":
            self._pay(match.withdrawal_id, line_id)
        elif match.by is not None:
            assert match.participant_id is not None
            purse = books.purses[match.participant_id]
            books.post("statement", line_id, (books.pay(BANK, purse, told.amount_fen),))

    def _match_in(self, line: StatementLine) -> Match:
        """Whose money came in: the bank's reference first, then the virtual account, then the memo."""
        by_hand = self._by_hand.get(line.bank_reference)
        if by_hand is not None:
            return Match("by_hand", participant_id=by_hand.participant_id)
        participant_id = read_virtual_account(line.virtual_account)
        if participant_id is not None:
            if participant_id in self._books.purses:
                return Match("virtual_account", participant_id=participant_id)
            return Match(unmatched="unknown_virtual_account")
        codes, wrong = find_codes(PAY_IN, line.memo)
        if wrong:
            return Match(unmatched="wrong_check_digits")
        if len(codes) > 1:
            return Match(unmatched="several_codes")
        if codes:
            if codes[0] in self._books.purses:
                return Match("deposit_code", participant_id=codes[0])
            return Match(unmatched="unknown_participant")
        returned, _ = find_codes(PAY_OUT, line.memo)
        return Match(unmatched="returned_payment" if returned else "no_code")

    def _match_out(self, line: StatementLine) -> Match:
        """Which withdrawal was paid: its number stands in the memo."""
        numbers, wrong = find_codes(PAY_OUT, line.memo)
        if wrong:
            return Match(unmatched="wrong_check_digits")
        if len(numbers) > 1:
            return Match(unmatched="several_codes")
        if not numbers:
            return Match(unmatched="no_code")
        refusal: Any = self._withdrawals.refuse_payment(numbers[0], -line.amount_fen)
        if refusal is not None:
            return Match(unmatched=refusal)
        return Match("withdrawal", withdrawal_id=numbers[0])

    def _reconcile(self, statement_id: int, command: ImportStatement) -> StatementReconciled:
        """The bank against the ledger. O(open lines + deposits by hand + in flight)."""
        ledger_fen = -self._books.ledger.balance(CASH, BANK)
        unassigned = [-line.amount_fen for line in self._lines.values() if line.state == "unassigned"]
        suspended = [line.amount_fen for line in self._lines.values() if line.state == "suspense"]
        by_hand = [deposit.amount_fen for deposit in self._by_hand.values()]
        in_flight, in_flight_fen = self._withdrawals.in_flight()
        difference_fen = command.closing_fen - ledger_fen
        return StatementReconciled(
            statement_id=statement_id,
            date=command.date,
            bank_fen=command.closing_fen,
            ledger_fen=ledger_fen,
            difference_fen=difference_fen,
            by_hand=len(by_hand),
            by_hand_fen=sum(by_hand),
            unassigned=len(unassigned),
            unassigned_fen=sum(unassigned),
            unexplained_fen=difference_fen + sum(by_hand) + sum(unassigned),
            suspense=len(suspended),
            suspense_fen=sum(suspended),
            in_flight=in_flight,
            in_flight_fen=in_flight_fen,
        )

    # Releasing

    def _refuse_proposal(self, line: BankLine, command: ProposeRelease) -> tuple[str, str] | None:
        if line.release is not None:
            return "already_proposed", "line_id"
        if command.to == ("withdrawal" if line.amount_fen > 0 else "sender"):
            return "invalid_to", "to"
        for field in _REFERENCE_OF.values():
            if (getattr(command, field) is not None) != (_REFERENCE_OF.get(command.to) == field):
                return f"invalid_{field}", field
        if command.account is not None and command.account not in INCOME_ACCOUNTS:
            return "invalid_account", "account"
        if command.to == "sender" and not line.counterparty_account:
            return "no_sender", "to"
        if command.participant_id is not None and command.participant_id not in self._books.purses:
            return "unknown_participant", "participant_id"
        if command.withdrawal_id is not None:
            refusal = self._withdrawals.refuse_payment(command.withdrawal_id, -line.amount_fen)
            if refusal is not None:
                return refusal, "withdrawal_id"
        return None

    def _proposed(self, command: ApproveRelease | RejectRelease) -> BankLine | None:
        """The line with a proposal that waits; none where the command is refused."""
        if not self._books.may(command, "operator_id", ("operator",)):
            return None
        line = self._lines.get(command.line_id)
        if line is None:
            self._books.refuse(command, "unknown_line", "line_id")
            return None
        if line.release is None or line.state == "returning":
            self._books.refuse(command, "not_proposed", "line_id")
            return None
        return line

    def _release(self, command: ApproveRelease, line: BankLine, release: Release) -> None:
        """Credit or charge a participant or the venue."""
        books = self._books
        account: Account
        if release.participant_id is not None:
            purse = account = books.purses[release.participant_id]
            available_fen = purse.total_fen - purse.reserved_fen
        else:
            assert release.account is not None
            account = release.account
            available_fen = books.ledger.available(CASH, account)
        if -line.amount_fen > available_fen:
            books.refuse(command, "insufficient_funds", "line_id")
            return
        self._change(replace(line, state="released", participant_id=release.participant_id))
        if line.amount_fen > 0:
            transfer = books.pay(SUSPENSE, account, line.amount_fen)
        else:
            transfer = books.pay(account, BANK, -line.amount_fen)
        books.post("suspense", line.line_id, (transfer,))

    def _pay(self, withdrawal_id: int, line_id: int) -> None:
        """The withdrawal was paid; a line that it returned to its sender has gone."""
        paid = self._withdrawals.pay(withdrawal_id, line_id)
        if paid.line_id is not None:
            self._change(replace(self._lines[paid.line_id], state="released"))

    def _change(self, line: BankLine) -> None:
        self._line_digest.changed[line.line_id] = None
        if line.state in ("booked", "released"):
            self._lines.pop(line.line_id, None)
        else:
            self._lines[line.line_id] = line
        self._books.events.append(BankLineChanged(line=line))

    def _forget(self, day: int) -> None:
        """References of statements that are too old to come again. O(1) each."""
        old = []
        for reference, seen in self._seen.items():
            if seen > day - REMEMBERED_DAYS:
                break
            old.append(reference)
        for reference in old:
            del self._seen[reference]
            self._seen_digest.changed[reference] = None

    def _seen_item(self, reference: str) -> tuple[str, int] | None:
        day = self._seen.get(reference)
        return None if day is None else (reference, day)
