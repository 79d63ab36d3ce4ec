"""Linked transfers, all of them or none, in one phase or two; what is asked twice is done once.

The state machine holds the ledger against a naive one that copies everything before each batch and knows no sums.
"""

import copy
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec import msgpack

from settlement.ledger import (
    BANK,
    FEES,
    MAXIMUM_BATCH,
    REMEMBERED_NS,
    Known,
    Ledger,
    Pend,
    Post,
    PostPending,
    Status,
    TransferRequest,
    TwoPhaseState,
    VoidPending,
    may_owe,
    participant_account,
    warehouse_account,
)
from settlement.messages import CASH, MAXIMUM_MONEY_FEN, MAXIMUM_TEXT

LI, WANG = participant_account(4), participant_account(5)
STORE = warehouse_account("SX1")
GOODS = "LOT-7"
NOON = 1_000_000


def funded(amount: int = 1_000) -> Ledger:
    """Li has some money."""
    ledger = Ledger()
    ledger.transfer(CASH, BANK, LI, amount)
    return ledger


def one(ledger: Ledger, request: TransferRequest, time_ns: int = NOON) -> Status:
    (status,) = ledger.create([request], time_ns).statuses
    ledger.audit()
    return status


def test_what_is_pending_stays_where_it_is_and_is_not_available() -> None:
    ledger = funded()
    (pending,) = ledger.create([Pend("w1", CASH, LI, BANK, 300)], NOON).pendings
    assert (pending.pending_id, pending.state, pending.posted, pending.expires_ns) == (1, "pending", 0, None)
    assert (ledger.balance(CASH, LI), ledger.set_aside(CASH, LI), ledger.available(CASH, LI)) == (1_000, 300, 700)
    assert ledger.last_transfer_id == 1
    assert one(ledger, Post("p1", CASH, LI, WANG, 701)) == "insufficient_funds"
    assert one(ledger, Post("p1", CASH, LI, WANG, 700)) == "created"
    assert ledger.available(CASH, LI) == 0

    posted = ledger.create([PostPending("w1-paid", "w1")], NOON)
    assert [transfer.amount for transfer in posted.transfers] == [300]
    assert [(pending.state, pending.posted) for pending in posted.pendings] == [("posted", 300)]
    assert ledger.state() == [(CASH, BANK, -700), (CASH, WANG, 700)]
    ledger.audit()


def test_a_part_may_be_posted_and_the_rest_is_free_again() -> None:
    ledger = funded()
    one(ledger, Pend("w1", CASH, LI, BANK, 300))
    assert one(ledger, PostPending("part", "w1", 0)) == "invalid_amount"
    assert one(ledger, PostPending("part", "w1", 301)) == "exceeds_pending"
    assert one(ledger, PostPending("part", "w1", 100)) == "created"
    assert ledger.pending("w1").posted == 100  # type: ignore[union-attr]
    assert (ledger.balance(CASH, LI), ledger.available(CASH, LI)) == (900, 900)
    assert one(ledger, PostPending("more", "w1", 100)) == "pending_posted"
    assert one(ledger, VoidPending("void", "w1")) == "pending_posted"


def test_what_is_voided_or_expires_is_free_again() -> None:
    ledger = funded()
    one(ledger, Pend("w1", CASH, LI, BANK, 300, 50))
    one(ledger, Pend("w2", CASH, LI, BANK, 400, 20))
    one(ledger, Pend("w3", CASH, LI, BANK, 300))
    assert ledger.next_timeout_ns() == NOON + 20
    assert one(ledger, VoidPending("v2", "w2")) == "created"
    assert ledger.next_timeout_ns() == NOON + 50
    assert ledger.expire(NOON + 49) == ()
    (expired,) = ledger.expire(NOON + 50)
    assert (expired.key, expired.state) == ("w1", "expired")
    assert ledger.available(CASH, LI) == 700
    assert one(ledger, PostPending("p1", "w1"), NOON + 50) == "pending_expired"
    assert one(ledger, VoidPending("v1", "w2"), NOON + 50) == "pending_voided"
    assert ledger.next_timeout_ns() is None


def test_linked_requests_are_done_together_or_not_at_all() -> None:
    ledger = funded()
    before = ledger.state()
    swap = [
        Post("1", CASH, LI, WANG, 600),
        Post("2", CASH, WANG, FEES, 10),
        Post("3", CASH, LI, WANG, 500),
        Post("4", CASH, LI, WANG, 1),
    ]
    refused = ledger.create(swap, NOON)
    assert refused.statuses == ("linked_failed", "linked_failed", "insufficient_funds", "linked_failed")
    assert refused.refusal == "insufficient_funds"
    assert (refused.transfers, refused.pendings, ledger.state(), ledger.last_transfer_id) == ((), (), before, 1)

    done = ledger.create([swap[0], swap[1], Pend("hold", CASH, WANG, LI, 590), VoidPending("freed", "hold")], NOON)
    assert (done.statuses, done.refusal) == (("created",) * 4, None)
    assert [transfer.transfer_id for transfer in done.transfers] == [2, 3]
    assert ledger.state() == [(CASH, BANK, -1_000), (CASH, FEES, 10), (CASH, LI, 400), (CASH, WANG, 590)]
    ledger.audit()


def test_a_swap_of_what_is_set_aside_needs_no_money_for_a_moment() -> None:
    ledger = funded()
    one(ledger, Pend("asked", CASH, LI, BANK, 1_000, 50))
    swapped = ledger.create([VoidPending("voided", "asked"), Pend("in flight", CASH, LI, BANK, 1_000)], NOON)
    assert swapped.refusal is None
    assert (ledger.set_aside(CASH, LI), ledger.next_timeout_ns()) == (1_000, None)


def test_asking_again_is_harmless_whatever_has_happened_since() -> None:
    ledger = funded()
    batch = [Post("1", CASH, LI, WANG, 600), Pend("2", CASH, LI, BANK, 400)]
    assert ledger.create(batch, NOON).statuses == ("created", "created")
    kept = ledger.state(), ledger.two_phase_state()
    again = ledger.create(batch, NOON + 1)
    assert (again.statuses, again.refusal, again.transfers) == (("exists", "exists"), "exists", ())
    assert (ledger.state(), ledger.two_phase_state()) == kept
    one(ledger, PostPending("3", "2"))
    assert ledger.create(batch, NOON + 1).statuses == ("exists", "exists")
    # Part of it and something new is another batch.
    assert ledger.create([batch[0], Post("4", CASH, WANG, LI, 1)], NOON).statuses == ("exists", "linked_failed")
    assert ledger.create([batch[0], Post("4", CASH, WANG, LI, 999)], NOON).refusal == "insufficient_funds"
    assert ledger.create([Post("5", CASH, WANG, LI, 1)] * 2, NOON).statuses == ("linked_failed", "exists")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (VoidPending("w1", "w1"), "exists_with_different_kind"),
        (PostPending("v0", "w1"), "exists_with_different_kind"),
        (VoidPending("v0", "w1"), "exists_with_different_pending_key"),
        (Pend("w1", GOODS, LI, FEES, 1, 9), "exists_with_different_asset"),
        (Pend("w1", CASH, WANG, FEES, 1, 9), "exists_with_different_debit"),
        (Pend("w1", CASH, LI, FEES, 1, 9), "exists_with_different_credit"),
        (Pend("w1", CASH, LI, BANK, -1, 9), "exists_with_different_amount"),
        (Pend("w1", CASH, LI, BANK, 300, 9), "exists_with_different_timeout_ns"),
        (Pend("w1", CASH, LI, BANK, 300), "exists"),
        (Post("", CASH, LI, LI, 0), "invalid_key"),
        (Post("k" * (MAXIMUM_TEXT + 1), CASH, LI, LI, 0), "invalid_key"),
        (Pend("new", CASH, LI, LI, 0, 0), "same_account"),
        (Pend("new", CASH, LI, BANK, 0, 0), "invalid_amount"),
        (Pend("new", CASH, LI, BANK, 10**6, 0), "invalid_timeout_ns"),
        (Pend("new", CASH, LI, BANK, 10**6, 2**63 - NOON), "invalid_timeout_ns"),
        (PostPending("new", "nothing", 0), "invalid_amount"),
        (PostPending("new", "nothing"), "unknown_pending"),
        (VoidPending("new", "paid"), "unknown_pending"),
        (VoidPending("new", "w0"), "pending_voided"),
        (PostPending("new", "w1", 10**6), "exceeds_pending"),
        (Post("new", CASH, BANK, LI, MAXIMUM_MONEY_FEN - 999), "exceeds_maximum"),
        (Post("new", CASH, LI, WANG, 696), "insufficient_funds"),
        (Post("new", GOODS, LI, WANG, 1), "insufficient_goods"),
        (Post("new", CASH, BANK, LI, MAXIMUM_MONEY_FEN - 1_000), "created"),
        (Post("new", GOODS, STORE, LI, 10**9), "created"),
        (Post("new", CASH, LI, WANG, 695), "created"),
    ],
)
def test_the_first_status_that_applies(request_: TransferRequest, status: str) -> None:
    ledger = funded()
    assert one(ledger, Pend("w0", CASH, LI, BANK, 1)) == "created"
    assert one(ledger, VoidPending("v0", "w0")) == "created"
    assert one(ledger, Pend("w1", CASH, LI, BANK, 300)) == "created"
    assert one(ledger, Post("paid", CASH, LI, WANG, 5)) == "created"
    before = ledger.state(), ledger.two_phase_state()
    assert one(ledger, request_) == status
    assert ((ledger.state(), ledger.two_phase_state()) == before) == (status != "created")


def test_what_others_hold_is_not_available() -> None:
    ledger = funded()
    held = ledger.create([Post("1", CASH, LI, WANG, 600)], NOON, lambda asset, account: 401 if account == LI else 0)
    assert held.refusal == "insufficient_funds"
    held = ledger.create([Post("1", CASH, LI, WANG, 600)], NOON, lambda asset, account: 400 if account == LI else 0)
    assert held.refusal is None


def test_keys_of_what_has_ended_are_free_again_after_thirty_days() -> None:
    ledger = funded()
    one(ledger, Post("1", CASH, LI, WANG, 1))
    one(ledger, Pend("2", CASH, LI, WANG, 1))
    later = NOON + REMEMBERED_NS
    assert one(ledger, Post("1", CASH, LI, WANG, 1), later - 1) == "exists"
    assert one(ledger, Post("1", CASH, LI, WANG, 1), later) == "created"
    # What is pending is never forgotten.
    assert one(ledger, Pend("2", CASH, LI, WANG, 1), later) == "exists"


def test_a_batch_has_a_largest_size() -> None:
    ledger = funded()
    batch = [Post(str(number), CASH, LI, WANG, 1) for number in range(MAXIMUM_BATCH)]
    assert ledger.create(batch, NOON).refusal is None
    with pytest.raises(AssertionError):
        ledger.create([*batch, batch[0]], NOON)


ACCOUNTS = (BANK, LI, WANG, FEES)
CHANCE = st.randoms(use_true_random=True)


class NaiveLedger:
    """The rules once more, by copying everything: a batch is tried on the copy, which counts if nothing is refused."""

    def __init__(self) -> None:
        self.balances = dict.fromkeys(ACCOUNTS, 0)
        self.known: dict[str, dict[str, Any]] = {}

    def available(self, account: str) -> int:
        pending = [known["request"] for known in self.known.values() if known["state"] == "pending"]
        return self.balances[account] - sum(each.amount for each in pending if each.debit == account)

    def create(self, batch: list[TransferRequest], time_ns: int) -> tuple[str, ...]:
        self.forget(time_ns)
        trial = copy.deepcopy(self)
        found: list[str] = []
        for request in batch:
            found.append(trial.one(request, time_ns))
            if found[-1] not in ("created", "exists"):
                return tuple(found[-1] if at == len(found) - 1 else "linked_failed" for at in range(len(batch)))
        if "exists" not in found:
            self.__dict__ = trial.__dict__
        elif "created" in found:
            blamed = found.index("exists")
            return tuple("exists" if at == blamed else "linked_failed" for at in range(len(batch)))
        return tuple(found)

    def one(self, request: TransferRequest, time_ns: int) -> str:
        status = self.refusal(request) or "created"
        if status == "created":
            state, ended = {Post: ("posted", time_ns), Pend: ("pending", None)}.get(type(request), ("", time_ns))
            self.known[request.key] = {"request": request, "state": state, "ended": ended, "expires": None}
            if isinstance(request, Post):
                self.move(request.debit, request.credit, request.amount)
            elif isinstance(request, Pend):
                if request.timeout_ns is not None:
                    self.known[request.key]["expires"] = time_ns + request.timeout_ns
            else:
                known = self.known[request.pending_key]
                pend = known["request"]
                if isinstance(request, PostPending):
                    known.update(state="posted", ended=time_ns)
                    self.move(pend.debit, pend.credit, pend.amount if request.amount is None else request.amount)
                else:
                    known.update(state="voided", ended=time_ns)
        return status

    def refusal(self, request: TransferRequest) -> str | None:
        known = self.known.get(request.key)
        if known is not None:
            there = known["request"]
            if type(there) is not type(request):
                return "exists_with_different_kind"
            fields = ("pending_key", "asset", "debit", "credit", "amount", "timeout_ns")
            differing = [field for field in fields if getattr(there, field, 0) != getattr(request, field, 0)]
            return f"exists_with_different_{differing[0]}" if differing else "exists"
        if isinstance(request, Post | Pend):
            if request.debit == request.credit:
                return "same_account"
            if request.amount <= 0:
                return "invalid_amount"
            if isinstance(request, Pend) and request.timeout_ns == 0:
                return "invalid_timeout_ns"
            short = request.debit != BANK and request.amount > self.available(request.debit)
            return "insufficient_funds" if short else None
        amount = getattr(request, "amount", None)
        if amount is not None and amount <= 0:
            return "invalid_amount"
        pending = self.known.get(request.pending_key)
        if pending is None or not isinstance(pending["request"], Pend):
            return "unknown_pending"
        if pending["state"] != "pending":
            return f"pending_{pending['state']}"
        return "exceeds_pending" if amount is not None and amount > pending["request"].amount else None

    def move(self, debit: str, credit: str, amount: int) -> None:
        self.balances[debit] -= amount
        self.balances[credit] += amount

    def expire(self, time_ns: int) -> list[str]:
        due = [
            (known["expires"], key)
            for key, known in self.known.items()
            if known["state"] == "pending" and known["expires"] is not None and known["expires"] <= time_ns
        ]
        for _, key in due:
            self.known[key].update(state="expired", ended=time_ns)
        return sorted(key for _, key in due)

    def forget(self, time_ns: int) -> None:
        for key, known in list(self.known.items()):
            if known["ended"] is not None and known["ended"] <= time_ns - REMEMBERED_NS:
                del self.known[key]


class LedgerMachine(RuleBasedStateMachine):
    """Batches, time, restarts: the ledger and the naive one agree on each status and each fen."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.naive = NaiveLedger()
        self.time_ns = NOON
        self.keys = 0
        self.asked: list[list[TransferRequest]] = []
        self.deposit(12, LI)
        self.deposit(9, WANG)

    @rule(chance=CHANCE)
    def create(self, chance: Random) -> None:
        """Some batches: chance makes more of them possible than a search for the simplest would."""
        for _ in range(4):
            batch = [self.draw(chance) for _ in range(chance.choice((1, 1, 2, 2, 3)))]
            self.asked.append(batch)
            self.ask(batch)

    @precondition(lambda self: self.asked)
    @rule(chance=CHANCE)
    def ask_again(self, chance: Random) -> None:
        self.ask(chance.choice(self.asked[-8:]))

    def ask(self, batch: list[TransferRequest]) -> None:
        created = self.ledger.create(batch, self.time_ns)
        assert created.statuses == self.naive.create(batch, self.time_ns)
        if created.refusal is not None:
            assert (created.transfers, created.pendings) == ((), ())

    def draw(self, chance: Random) -> TransferRequest:
        """A request that is mostly new and possible, or else meets one of the refusals."""
        self.keys += 1
        known = list(self.naive.known)
        key = chance.choice(known) if known and chance.random() < 0.1 else f"k{self.keys}"
        amount = chance.randint(-1, 40) if chance.random() < 0.1 else chance.randint(1, 9)
        if chance.random() < 0.6 or not known:
            debit, credit = chance.sample(ACCOUNTS, k=2) if chance.random() < 0.95 else (LI, LI)
            if chance.random() < 0.3:
                return Post(key, CASH, debit, credit, amount)
            return Pend(key, CASH, debit, credit, amount, chance.choice((None, 0, 1, 2, 3, 4, 5)))
        pending = [key for key in known if self.naive.known[key]["state"] == "pending"]
        likely = pending if pending and chance.random() < 0.7 else [*known, f"k{self.keys - 1}", key]
        pending_key = chance.choice(likely)
        if chance.random() < 0.5:
            return PostPending(key, pending_key, amount if chance.random() < 0.5 else None)
        return VoidPending(key, pending_key)

    @rule(amount=st.integers(1, 6), account=st.sampled_from(ACCOUNTS[1:]))
    def deposit(self, amount: int, account: str) -> None:
        """By the fast way."""
        self.ledger.transfer(CASH, BANK, account, amount)
        self.naive.move(BANK, account, amount)

    @rule(passing=st.sampled_from([1, 2, 5, REMEMBERED_NS // 2, REMEMBERED_NS]))
    def wait(self, passing: int) -> None:
        self.time_ns += passing
        expired = [pending.key for pending in self.ledger.expire(self.time_ns)]
        assert sorted(expired) == self.naive.expire(self.time_ns)

    @rule()
    def restart(self) -> None:
        """What is written down and read again goes on as before, and is written down as the same bytes."""
        kept = msgpack.encode(self.ledger.two_phase_state())
        digest = self.ledger.two_phase_digest()
        restored = Ledger()
        restored.restore(self.ledger.last_transfer_id, self.ledger.state())
        restored.restore_two_phase(msgpack.decode(kept, type=TwoPhaseState))
        assert msgpack.encode(restored.two_phase_state()) == kept
        assert restored.two_phase_digest() == digest
        self.ledger = restored

    @invariant()
    def they_agree(self) -> None:
        self.ledger.audit()
        for account, balance in self.naive.balances.items():
            assert self.ledger.balance(CASH, account) == balance
            assert self.ledger.available(CASH, account) == self.naive.available(account)
            assert may_owe(CASH, account) or self.naive.available(account) >= 0
        for key in (f"k{number}" for number in range(self.keys + 1)):
            known = self.naive.known.get(key)
            pending = self.ledger.pending(key)
            is_pending = known is not None and isinstance(known["request"], Pend)
            assert (pending is not None) == is_pending
            if pending is not None and known is not None:
                assert (pending.state, pending.expires_ns) == (known["state"], known["expires"])


TestLedgerAgainstANaiveOne = LedgerMachine.TestCase
TestLedgerAgainstANaiveOne.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_the_audit_finds_what_is_pending_and_not_there() -> None:
    ledger = funded()
    ledger.create([Pend("w1", CASH, LI, BANK, 300)], NOON)
    ledger.transfer(CASH, LI, WANG, 701)
    with pytest.raises(AssertionError):
        ledger.audit()


def test_a_known_key_is_written_compactly() -> None:
    known = Known(Pend("w1", CASH, LI, BANK, 300), 1, "pending", 0, None, -1)
    assert msgpack.decode(msgpack.encode(known), type=Known) == known
