"""The double-entry ledger: every amount leaves one account and reaches another, so each asset sums to zero for ever.

    asset CNY (fen)                 asset LOT-7 (grams of lot 7)
      bank            -100 000        warehouse:SX1   -9 000 000
      participant:3    +99 875        participant:2   +8 700 000
      fees                +125        participant:3     +300 000

Two ways lead in. `transfer` posts at once and asks nothing: it is what each trade takes, and those who call it have
looked before. `create` takes linked requests, all of them or none, looks itself, and knows two phases:

                ┌──► posted    whole or in part; the rest is free again
    pending ────┼──► voided
                └──► expired   its time came

What is pending stays on the debit account but is not available there.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Any, Final, Literal

from msgspec import Struct

from matching.messages import MAX_TIME_NS
from settlement.digest import Digest
from settlement.messages import CASH, MAXIMUM_MONEY_FEN, MAXIMUM_TEXT, Transfer
from settlement.messages.ledger import PendingState, PendingTransfer

BANK: Final = "bank"
"""Custody: the other side of every deposit, negative by what the bank holds."""

FEES: Final = "fees"
"""The venue's income."""

SHRINKAGE: Final = "shrinkage"
"""Of a lot's goods: what was recorded as lost while some of the lot still lies there."""

MAXIMUM_BATCH: Final = 100
"""Linked requests at most."""

REMEMBERED_NS: Final = 30 * 86_400 * 1_000_000_000
"""How long a key answers `exists` after what it asked for has ended: posted, voided or expired."""

Status = Literal[
    "created",
    "linked_failed",
    "exists_with_different_kind",
    "exists_with_different_pending_key",
    "exists_with_different_asset",
    "exists_with_different_debit",
    "exists_with_different_credit",
    "exists_with_different_amount",
    "exists_with_different_timeout_ns",
    "exists",
    "invalid_key",
    "same_account",
    "invalid_amount",
    "invalid_timeout_ns",
    "unknown_pending",
    "pending_posted",
    "pending_voided",
    "pending_expired",
    "exceeds_pending",
    "exceeds_maximum",
    "insufficient_funds",
    "insufficient_goods",
]
"""What becomes of a request. From the third on these are refusals, the first that applies; `linked_failed` says that
another request of the batch is to blame. A key is looked at first, so that asking again is harmless whatever has
happened since.
"""

_COMPARED: Final = ("pending_key", "asset", "debit", "credit", "amount", "timeout_ns")
"""Fields of requests, in the order in which a difference is told."""


class Post(Struct, frozen=True, gc=False, array_like=True, tag="post"):
    """Move the amount at once."""

    key: str
    asset: str
    debit: str
    credit: str
    amount: int


class Pend(Struct, frozen=True, gc=False, array_like=True, tag="pend"):
    """Set the amount aside: first phase. After `timeout_ns` it is free again; null: it waits without end."""

    key: str
    asset: str
    debit: str
    credit: str
    amount: int
    timeout_ns: int | None = None


class PostPending(Struct, frozen=True, gc=False, array_like=True, tag="post_pending"):
    """Move what was set aside, or so much of it, which ends it; null: all."""

    key: str
    pending_key: str
    amount: int | None = None


class VoidPending(Struct, frozen=True, gc=False, array_like=True, tag="void_pending"):
    """Free what was set aside."""

    key: str
    pending_key: str


TransferRequest = Post | Pend | PostPending | VoidPending


class Known(Struct, gc=False, array_like=True):
    """A key and what it has led to. `number` is the transfer's or, of a `Pend`, its own. `ended_ns` is -1 while it is
    pending; how others ended a pending transfer stands on the transfer, not on the request that ended it.
    """

    request: TransferRequest
    number: int
    state: PendingState
    posted: int
    expires_ns: int | None
    ended_ns: int


class TwoPhaseState(Struct, frozen=True, array_like=True):
    """All there is to keep of requests: pending ones by number, ended ones by time and key."""

    last_pending_id: int
    pending: list[Known]
    ended: list[Known]


class Creation(Struct, frozen=True, gc=False):
    """What became of a batch: a status a request, and what was done where all are `created`."""

    statuses: tuple[Status, ...]
    transfers: tuple[Transfer, ...] = ()
    pendings: tuple[PendingTransfer, ...] = ()

    @property
    def refusal(self) -> Status | None:
        """The status that tells why there is nothing new; none where all was created. `exists` is a repetition."""
        for status in self.statuses:
            if status not in ("created", "linked_failed"):
                return status
        return None


def participant_account(participant_id: int) -> str:
    return f"participant:{participant_id}"


def warehouse_account(code: str) -> str:
    """The other side of stock: negative by the grams that lie there."""
    return f"warehouse:{code}"


def lot_asset(lot_id: int) -> str:
    return f"LOT-{lot_id}"


def may_owe(asset: str, account: str) -> bool:
    """Whether the account is the other side of what came in, which the venue owes to others."""
    return account == BANK if asset == CASH else account.startswith("warehouse:")


def _nothing(_asset: str, _account: str) -> int:
    return 0


class Ledger:
    """Balances by asset and account; an account that is empty is not kept, nor is an asset that has left the venue."""

    def __init__(self) -> None:
        self.last_transfer_id = 0
        self.balances: dict[str, dict[str, int]] = {CASH: {}}
        self._last_pending_id = 0
        self._known: dict[str, Known] = {}
        # What is pending: by account its sum, and what ends by itself.
        self._set_aside: dict[tuple[str, str], int] = {}
        self._timeouts: list[tuple[int, int, str]] = []
        self._ended: deque[Known] = deque()
        self._digest: Digest[str] = Digest()

    def transfer(self, asset: str, debit: str, credit: str, amount: int) -> Transfer:
        """Post one transfer and return it; ids count 1, 2, 3 … O(1).

        What an account may not owe is decided by those who post, before.
        """
        assert amount > 0
        assert debit != credit
        accounts = self.balances.get(asset)
        if accounts is None:
            accounts = self.balances[asset] = {}
        left = accounts.get(debit, 0) - amount
        if left:
            accounts[debit] = left
        else:
            del accounts[debit]
        reached = accounts.get(credit, 0) + amount
        if reached:
            accounts[credit] = reached
        else:
            del accounts[credit]
            if not accounts and asset != CASH:
                del self.balances[asset]
        self.last_transfer_id = transfer_id = self.last_transfer_id + 1
        return Transfer(transfer_id=transfer_id, asset=asset, debit=debit, credit=credit, amount=amount)

    def create(
        self,
        batch: Sequence[TransferRequest],
        time_ns: int,
        elsewhere: Callable[[str, str], int] = _nothing,
    ) -> Creation:
        """Do all that is asked for, in that order, or nothing. O(batch).

        `elsewhere(asset, account)` is what others than the ledger hold reserved of an account: it is not available
        either. A batch that was done before answers `exists` throughout; in another batch a key that exists is a
        refusal. Whoever calls has let expire what was due by `time_ns`.
        """
        assert 0 < len(batch) <= MAXIMUM_BATCH
        due_ns = self.next_timeout_ns()
        assert due_ns is None or due_ns > time_ns
        self.forget(time_ns)
        draft = _Draft(self, self._known, self._set_aside, elsewhere)
        found: list[Status] = []
        for request in batch:
            found.append(draft.take(request, time_ns))
            if found[-1] not in ("created", "exists"):
                break
        failed = len(found) - 1
        if found[failed] in ("created", "exists"):
            if "exists" not in found:
                return self._carry_out(batch, time_ns)
            if "created" not in found:
                return Creation(tuple(found))
            failed = found.index("exists")
        return Creation(tuple("linked_failed" if at != failed else found[failed] for at in range(len(batch))))

    def next_timeout_ns(self) -> int | None:
        """When the next pending transfer expires. O(1) but for clean-up."""
        timeouts = self._timeouts
        while timeouts:
            expires_ns, number, key = timeouts[0]
            known = self._known.get(key)
            if known is not None and known.ended_ns < 0 and known.number == number:
                return expires_ns
            heappop(timeouts)
        return None

    def expire(self, time_ns: int) -> tuple[PendingTransfer, ...]:
        """End what is due by then, in the order of time and number. O(log pending) each."""
        expired = []
        while (due_ns := self.next_timeout_ns()) is not None and due_ns <= time_ns:
            pending = self._known[heappop(self._timeouts)[2]]
            self._end(pending, "expired", 0, time_ns)
            expired.append(pending_message(pending))
        return tuple(expired)

    def forget(self, time_ns: int) -> None:
        """Keys of what ended too long ago are free again. O(1) each."""
        ended = self._ended
        while ended and ended[0].ended_ns <= time_ns - REMEMBERED_NS:
            key = ended.popleft().request.key
            del self._known[key]
            self._digest.changed[key] = None

    def balance(self, asset: str, account: str) -> int:
        return self.balances.get(asset, {}).get(account, 0)

    def set_aside(self, asset: str, account: str) -> int:
        """What is pending to leave the account. O(1)."""
        return self._set_aside.get((asset, account), 0)

    def available(self, asset: str, account: str) -> int:
        """The balance less what is pending to leave; what others hold reserved is theirs to know. O(1)."""
        return self.balance(asset, account) - self.set_aside(asset, account)

    def pending(self, key: str) -> PendingTransfer | None:
        """The transfer in two phases that the key asked for, while the key is remembered. O(1)."""
        known = self._known.get(key)
        return None if known is None or not isinstance(known.request, Pend) else pending_message(known)

    # State

    def state(self) -> list[tuple[str, str, int]]:
        """(asset, account, balance) of all that is not empty, sorted. O(accounts log accounts)."""
        return [
            (asset, account, accounts[account])
            for asset, accounts in sorted(self.balances.items())
            for account in sorted(accounts)
        ]

    def restore(self, last_transfer_id: int, balances: Iterable[tuple[str, str, int]]) -> None:
        self.last_transfer_id = last_transfer_id
        for asset, account, balance in balances:
            self.balances.setdefault(asset, {})[account] = balance

    def two_phase_state(self) -> TwoPhaseState:
        """What `state` leaves out. O(known log known)."""
        pending = [known for known in self._known.values() if known.ended_ns < 0]
        return TwoPhaseState(
            self._last_pending_id,
            sorted(pending, key=lambda known: known.number),
            sorted(self._ended, key=lambda known: (known.ended_ns, known.request.key)),
        )

    def restore_two_phase(self, state: TwoPhaseState) -> None:
        self._last_pending_id = state.last_pending_id
        for known in state.pending:
            self._know(known)
            self._hold(known)
        for known in state.ended:
            self._know(known)
            self._ended.append(known)

    def two_phase_digest(self) -> tuple[int, bytes]:
        """What stands for `two_phase_state`. O(what has changed since the last time)."""
        return self._last_pending_id, self._digest.bring_up_to_date(self._known.get)

    def audit(self) -> None:
        """Assert that every asset sums to zero, that only the venue's own accounts owe, and that what is pending is
        there to be posted. O(accounts + known).
        """
        for asset, accounts in self.balances.items():
            assert sum(accounts.values()) == 0, asset
            for account, balance in accounts.items():
                assert balance != 0, (asset, account)
                assert (balance < 0) == may_owe(asset, account), (asset, account, balance)
        set_aside: dict[tuple[str, str], int] = {}
        for key, known in self._known.items():
            assert known.request.key == key
            if known.ended_ns < 0:
                request = known.request
                assert isinstance(request, Pend)
                assert (known.state, known.posted) == ("pending", 0)
                assert known.number <= self._last_pending_id
                at = (request.asset, request.debit)
                set_aside[at] = set_aside.get(at, 0) + request.amount
        assert set_aside == self._set_aside
        for (asset, account), amount in set_aside.items():
            assert may_owe(asset, account) or amount <= self.balance(asset, account), (asset, account)
        times = [known.ended_ns for known in self._ended]
        assert times == sorted(times)
        assert len(self._ended) == sum(known.ended_ns >= 0 for known in self._known.values())

    # Carrying out

    def _carry_out(self, batch: Sequence[TransferRequest], time_ns: int) -> Creation:
        transfers: list[Transfer] = []
        pendings: list[PendingTransfer] = []
        for request in batch:
            match request:
                case Post():
                    transfers.append(self.transfer(request.asset, request.debit, request.credit, request.amount))
                    self._note(request, "posted", transfers[-1].transfer_id, request.amount, time_ns)
                case Pend():
                    self._last_pending_id += 1
                    expires_ns = None if request.timeout_ns is None else time_ns + request.timeout_ns
                    pending = Known(request, self._last_pending_id, "pending", 0, expires_ns, -1)
                    self._know(pending)
                    self._hold(pending)
                    pendings.append(pending_message(pending))
                case PostPending():
                    pending = self._known[request.pending_key]
                    asked = pending.request
                    assert isinstance(asked, Pend)
                    amount = asked.amount if request.amount is None else request.amount
                    self._end(pending, "posted", amount, time_ns)
                    transfers.append(self.transfer(asked.asset, asked.debit, asked.credit, amount))
                    self._note(request, "posted", transfers[-1].transfer_id, amount, time_ns)
                    pendings.append(pending_message(pending))
                case VoidPending():
                    pending = self._known[request.pending_key]
                    self._end(pending, "voided", 0, time_ns)
                    self._note(request, "voided", 0, 0, time_ns)
                    pendings.append(pending_message(pending))
        created: Status = "created"
        return Creation((created,) * len(batch), tuple(transfers), tuple(pendings))

    def _know(self, known: Known) -> None:
        key = known.request.key
        self._known[key] = known
        self._digest.changed[key] = None

    def _note(self, request: TransferRequest, state: PendingState, number: int, posted: int, time_ns: int) -> None:
        """Remember what has ended as it came."""
        known = Known(request, number, state, posted, None, time_ns)
        self._know(known)
        self._ended.append(known)

    def _hold(self, pending: Known) -> None:
        request = pending.request
        assert isinstance(request, Pend)
        at = (request.asset, request.debit)
        self._set_aside[at] = self._set_aside.get(at, 0) + request.amount
        if pending.expires_ns is not None:
            heappush(self._timeouts, (pending.expires_ns, pending.number, request.key))

    def _end(self, pending: Known, state: PendingState, posted: int, time_ns: int) -> None:
        request = pending.request
        assert isinstance(request, Pend)
        at = (request.asset, request.debit)
        left = self._set_aside[at] - request.amount
        if left:
            self._set_aside[at] = left
        else:
            del self._set_aside[at]
        pending.state = state
        pending.posted = posted
        pending.ended_ns = time_ns
        self._ended.append(pending)
        self._digest.changed[request.key] = None


class _Draft:
    """A batch as it would be: what its requests have changed so far stands beside the ledger, which is only read."""

    def __init__(
        self,
        ledger: Ledger,
        known: dict[str, Known],
        set_aside: dict[tuple[str, str], int],
        elsewhere: Callable[[str, str], int],
    ) -> None:
        self._ledger = ledger
        self._known = known
        self._set_aside = set_aside
        self._elsewhere = elsewhere
        self._requests: dict[str, TransferRequest] = {}
        self._finished: dict[str, PendingState] = {}
        self._moved: dict[tuple[str, str], int] = {}
        self._held: dict[tuple[str, str], int] = {}

    def take(self, request: TransferRequest, time_ns: int) -> Status:
        """The status of the next request, which is then part of the draft."""
        status = self._refuse(request, time_ns)
        if status is not None:
            return status
        self._requests[request.key] = request
        match request:
            case Post():
                self._move(request.asset, request.debit, request.credit, request.amount)
            case Pend():
                self._hold(request, request.amount)
            case PostPending() | VoidPending():
                asked = self._pend_of(request.pending_key)
                assert asked is not None
                self._hold(asked, -asked.amount)
                self._finished[request.pending_key] = "posted" if isinstance(request, PostPending) else "voided"
                if isinstance(request, PostPending):
                    amount = asked.amount if request.amount is None else request.amount
                    self._move(asked.asset, asked.debit, asked.credit, amount)
        return "created"

    def _refuse(self, request: TransferRequest, time_ns: int) -> Status | None:
        known = self._requests.get(request.key)
        if known is None and request.key in self._known:
            known = self._known[request.key].request
        if known is not None:
            return _compare(request, known)
        if not 0 < len(request.key) <= MAXIMUM_TEXT:
            return "invalid_key"
        if isinstance(request, Post | Pend):
            return self._refuse_new(request, time_ns)
        return self._refuse_finishing(request)

    def _refuse_new(self, request: Post | Pend, time_ns: int) -> Status | None:
        asset, debit, amount = request.asset, request.debit, request.amount
        if debit == request.credit:
            return "same_account"
        if amount <= 0:
            return "invalid_amount"
        if isinstance(request, Pend) and request.timeout_ns is not None:
            if not 0 < request.timeout_ns <= MAX_TIME_NS - time_ns:
                return "invalid_timeout_ns"
        available = self._available(asset, debit)
        if may_owe(asset, debit):
            return "exceeds_maximum" if amount - available > MAXIMUM_MONEY_FEN else None
        if amount > available:
            return "insufficient_funds" if asset == CASH else "insufficient_goods"
        return None

    def _refuse_finishing(self, request: PostPending | VoidPending) -> Status | None:
        amount = request.amount if isinstance(request, PostPending) else None
        if amount is not None and amount <= 0:
            return "invalid_amount"
        asked = self._pend_of(request.pending_key)
        if asked is None:
            return "unknown_pending"
        state = self._finished.get(request.pending_key)
        if state is None and request.pending_key in self._known:
            state = self._known[request.pending_key].state
        ended: dict[PendingState | None, Status] = {
            "posted": "pending_posted",
            "voided": "pending_voided",
            "expired": "pending_expired",
        }
        if state in ended:
            return ended[state]
        return "exceeds_pending" if amount is not None and amount > asked.amount else None

    def _pend_of(self, key: str) -> Pend | None:
        """What a key asked to set aside, in this batch or before."""
        request: Any = self._requests.get(key)
        if request is None and key in self._known:
            request = self._known[key].request
        return request if isinstance(request, Pend) else None

    def _available(self, asset: str, account: str) -> int:
        at = (asset, account)
        balance = self._ledger.balance(asset, account) + self._moved.get(at, 0)
        held = self._set_aside.get(at, 0) + self._held.get(at, 0)
        return balance - held - self._elsewhere(asset, account)

    def _move(self, asset: str, debit: str, credit: str, amount: int) -> None:
        moved = self._moved
        moved[asset, debit] = moved.get((asset, debit), 0) - amount
        moved[asset, credit] = moved.get((asset, credit), 0) + amount

    def _hold(self, pend: Pend, amount: int) -> None:
        at = (pend.asset, pend.debit)
        self._held[at] = self._held.get(at, 0) + amount


def pending_message(pending: Known) -> PendingTransfer:
    """A transfer in two phases as it stands."""
    request = pending.request
    assert isinstance(request, Pend)
    return PendingTransfer(
        pending_id=pending.number,
        key=request.key,
        asset=request.asset,
        debit=request.debit,
        credit=request.credit,
        amount=request.amount,
        state=pending.state,
        posted=pending.posted,
        expires_ns=pending.expires_ns,
    )


def _compare(request: TransferRequest, known: TransferRequest) -> Status:
    """What tells a request from the one that its key is known by; `exists` for nothing."""
    if type(request) is not type(known):
        return "exists_with_different_kind"
    for field in _COMPARED:
        if getattr(request, field, None) != getattr(known, field, None):
            different: Any = f"exists_with_different_{field}"
            return different  # type: ignore[no-any-return]
    return "exists"
