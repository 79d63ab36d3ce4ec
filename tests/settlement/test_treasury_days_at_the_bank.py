"""Days at the bank drawn by chance: whatever participants, operators and the bank do, every fen is where it should be.

After each command the office is audited; each statement explains what differs between the bank and the ledger, since
it opened with what the ledger had; a restart changes nothing.
"""

from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from settlement.civil import DAY_NS, iso_date, venue_day
from settlement.messages import CASH, RequestRefused
from settlement.messages.treasury import (
    ApproveRelease,
    ApproveVoucher,
    ApproveWithdrawal,
    CancelWithdrawal,
    ProposeRelease,
    ProposeVoucher,
    RejectRelease,
    RejectVoucher,
    RejectWithdrawal,
    StatementLine,
    VoucherEntry,
    WithdrawalChanged,
)
from settlement.payment_codes import deposit_code, virtual_account, withdrawal_number
from settlement.vouchers import INCOME_ACCOUNTS
from tests.settlement.teller import ADA, BO, LI, WANG, Teller, line, lines_of, reconciled

CHANCE = st.randoms(use_true_random=True)


class Days(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.teller = Teller()
        self.closing_fen = 0
        self.references = 0
        self.by_hand: list[tuple[str, int]] = []
        self.in_flight: dict[int, int] = {}
        self.withdrawals = 0
        self.open_lines: dict[int, int] = {}
        self.vouchers = 0
        for participant_id in (LI, WANG):
            self.references += 1
            self.by_hand.append((f"b-{self.references}", 300))
            self.teller.deposit(participant_id, 300, f"b-{self.references}")

    def do(self, command: Any) -> list[Any]:
        return self.hear(self.teller.do(command))

    def hear(self, events: list[Any]) -> list[Any]:
        for event in events:
            if isinstance(event, WithdrawalChanged):
                withdrawal = event.withdrawal
                self.withdrawals = max(self.withdrawals, withdrawal.withdrawal_id)
                self.in_flight.pop(withdrawal.withdrawal_id, None)
                if withdrawal.state == "approved":
                    self.in_flight[withdrawal.withdrawal_id] = withdrawal.amount_fen
        for told in lines_of(events):
            self.open_lines.pop(told.line_id, None)
            if told.state in ("suspense", "unassigned"):
                self.open_lines[told.line_id] = told.amount_fen
        return events

    @rule(chance=CHANCE)
    def statement(self, chance: Random) -> None:
        """The next day's, with lines for everyone."""
        self.hear(self.teller.wait(DAY_NS))
        lines = [self.line(chance) for _ in range(chance.randint(0, 5))]
        for reference, amount_fen in self.by_hand:
            lines.append(line(reference, amount_fen))
        self.by_hand.clear()
        # A bank pays nothing that is not there.
        kept: list[StatementLine] = []
        reached_fen = self.closing_fen
        for each in sorted(lines, key=lambda each: -each.amount_fen):
            if reached_fen + each.amount_fen >= 0:
                kept.append(each)
                reached_fen += each.amount_fen
        chance.shuffle(kept)
        date = iso_date(venue_day(self.teller.books.time_ns))
        opening_fen = self.closing_fen
        if chance.random() < 0.2:
            before = self.teller.treasury.state()
            (refused,) = self.teller.statement(*kept, date=date, opening_fen=opening_fen, closing_fen=reached_fen + 1)
            assert isinstance(refused, RequestRefused)
            assert self.teller.treasury.state() == before
        events = self.hear(self.teller.statement(*kept, date=date, opening_fen=opening_fen))
        self.closing_fen = reached_fen
        assert [told.position for told in lines_of(events) if told.date == date] == list(range(1, len(kept) + 1))
        day = reconciled(events)
        assert (day.bank_fen, day.unexplained_fen, day.by_hand) == (reached_fen, 0, 0)
        assert day.difference_fen == -day.unassigned_fen

    def line(self, chance: Random) -> StatementLine:
        self.references += 1
        reference, amount = f"b-{self.references}", chance.randint(1, 50)
        account = {"counterparty_account": "6222"} if chance.random() < 0.8 else {}
        match chance.randrange(6):
            case 0:
                return line(reference, amount, virtual_account=virtual_account(chance.choice((LI, WANG, 9))))
            case 1:
                return line(reference, amount, deposit_code(chance.choice((LI, WANG, 9))))
            case 2:
                return line(reference, amount, "hello", **account)
            case 3 | 4 if self.in_flight:
                withdrawal_id, amount_fen = chance.choice(list(self.in_flight.items()))
                memo = withdrawal_number(withdrawal_id) if chance.random() < 0.8 else "no number"
                return line(reference, -amount_fen, memo)
        return line(reference, -chance.randint(1, 9), chance.choice(("bank's fee", withdrawal_number(1))))

    @rule(chance=CHANCE, amount_fen=st.integers(1, 40))
    def deposit_by_hand(self, chance: Random, amount_fen: int) -> None:
        self.references += 1
        reference = f"b-{self.references}"
        self.by_hand.append((reference, amount_fen))
        self.hear(self.teller.deposit(chance.choice((LI, WANG)), amount_fen, reference))

    @rule(chance=CHANCE)
    def withdraw(self, chance: Random) -> None:
        for _ in range(2):
            reference = f"w-{chance.randint(1, 30)}"
            self.hear(self.teller.ask(chance.choice((LI, WANG)), chance.randint(1, 30), reference))
        for _ in range(4):
            withdrawal_id = max(1, self.withdrawals - chance.randint(0, 3))
            who = {"operator_id": chance.choice((ADA, BO)), "withdrawal_id": withdrawal_id}
            match chance.randrange(8):
                case 0:
                    self.do(CancelWithdrawal(participant_id=LI, withdrawal_id=withdrawal_id))
                case 1:
                    self.do(RejectWithdrawal(**who, reason="no"))
                case _:
                    self.do(ApproveWithdrawal(**who))

    @rule(chance=CHANCE)
    def release(self, chance: Random) -> None:
        for line_id, amount_fen in list(self.open_lines.items())[:3]:
            named: dict[str, Any] = {"to": "participant", "participant_id": chance.choice((LI, WANG))}
            if chance.random() < 0.4:
                named = {"to": "venue", "account": chance.choice(INCOME_ACCOUNTS)}
            if chance.random() < 0.4:
                named = {"to": "sender"}
                if amount_fen < 0:
                    same = [each for each, fen in self.in_flight.items() if fen == -amount_fen]
                    named = {"to": "withdrawal", "withdrawal_id": chance.choice(same or [99])}
            self.do(ProposeRelease(operator_id=chance.choice((ADA, BO)), line_id=line_id, reason="r", **named))
            if chance.random() < 0.2:
                self.do(RejectRelease(operator_id=ADA, line_id=line_id, reason="r"))
            for operator_id in (ADA, BO):
                self.do(ApproveRelease(operator_id=operator_id, line_id=line_id))

    @rule(chance=CHANCE)
    def voucher(self, chance: Random) -> None:
        accounts = ("fees", "risk_fund", "storage", f"participant:{LI}", f"participant:{WANG}")
        pairs = [chance.sample(accounts, 2) for _ in range(chance.randint(1, 3))]
        entries = tuple(VoucherEntry(debit=one, credit=two, amount_fen=chance.randint(1, 20)) for one, two in pairs)
        self.vouchers += 1
        self.do(ProposeVoucher(operator_id=ADA, reference=f"v-{self.vouchers}", reason="r", entries=entries))
        decide = ApproveVoucher if chance.random() < 0.8 else RejectVoucher
        more = {"reason": "r"} if decide is RejectVoucher else {}
        self.do(decide(operator_id=BO, voucher_id=chance.randint(1, self.vouchers), **more))

    @rule()
    def restart(self) -> None:
        self.teller = self.teller.restarted()

    @invariant()
    def every_fen_is_somewhere(self) -> None:
        own = self.teller.own()
        total = sum(self.teller.money(participant_id)[0] for participant_id in (ADA, BO, LI, WANG))
        assert total + sum(own.values()) == 0
        assert all(fen >= 0 for account, fen in own.items() if account != "bank")
        unassigned = sum(-fen for fen in self.open_lines.values() if fen < 0)
        by_hand = sum(fen for _, fen in self.by_hand)
        assert -self.teller.books.ledger.balance(CASH, "bank") == self.closing_fen + by_hand + unassigned
        assert self.teller.books.ledger.balance(CASH, "earnest") == 0


TestDaysAtTheBank = Days.TestCase
TestDaysAtTheBank.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
