"""Where commands wait for their batch: one queue in the order of arrival, with bounds for all and for each.

    MAXIMUM_WAITING  ├──────────── whatever comes ────────────┤ cancels ┤ the venue's own ┤
    one participant  ├──────────── whatever comes ────────────┤ cancels ┤

The order of arrival is the fair one in a market, so nobody overtakes; what is shared is the room. Nobody may hold more
of it than a share: a flood is its sender's own trouble, everybody else waits no longer than the room's other tenants
take. The last places are kept for what makes a market safer: cancels, and behind them what the venue itself has to
say (time, phases, halts by hand). A command that finds no place was never there.
"""

from collections import deque
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple, get_args

from exchange.protocol import Command
from matching import messages as matching
from settlement import messages as settlement
from web.ports import Answering

MAXIMUM_WAITING: Final = 16_384
"""Commands that wait for their batch at most: more are refused as busy before the journal has heard of them."""

SHARES: Final = 8
"""One participant may hold one in so many places."""

KEPT_FOR_CANCELS: Final = 8
"""One in so many places of the room, and of each share, is kept for cancels."""

KEPT_FOR_THE_VENUE: Final = 64
"""One in so many is kept for the venue's own commands, which cancels do not get either."""

Lack = Literal["room", "share"]
"""What there was not enough of: places for anybody, or places for this one."""

ADDING: Final[frozenset[type]] = frozenset(
    (
        settlement.EnterOrder,
        *get_args(settlement.EnterOffer),
        matching.AmendOrder,
        matching.AcceptCounter,
    )
)
"""What may lead to trades: not taken while the venue pauses."""

CANCELLING: Final[frozenset[type]] = frozenset(
    (
        matching.CancelOrder,
        matching.MassCancel,
        matching.WithdrawListing,
        matching.WithdrawCounter,
        matching.WithdrawAuction,
        matching.WithdrawReport,
        matching.DeclineReport,
    )
)
"""What takes away what might have led to one."""

OWN: Final[frozenset[type]] = frozenset((matching.AdvanceTime, matching.SetPhase, type(None)))
"""The venue's own, and its operators' to stop trading."""


class Waiting(NamedTuple):
    command: Command | None
    """None: let time pass, to whatever the batch's time will be."""
    answer: Answering
    sender: int | None


class _Way(NamedTuple):
    """How commands of a type come in."""

    rank: int
    """0: whatever comes, 1: cancels, 2: the venue's own."""
    sender: Callable[[Any], int] | None


class WaitingRoom:
    """Takes and gives in O(1) a command."""

    def __init__(self, size: int = MAXIMUM_WAITING, shares: int = SHARES) -> None:
        assert size > 0
        assert shares > 0
        share = max(1, size // shares)
        self._waiting: deque[Waiting] = deque()
        self._held: dict[int, int] = {}
        """Places by who sent what waits in them."""
        self._rooms = (size - size // KEPT_FOR_CANCELS, size - size // KEPT_FOR_THE_VENUE, size)
        self._shares = (share - share // KEPT_FOR_CANCELS, share, share)

    def __len__(self) -> int:
        return len(self._waiting)

    def held(self, sender: int) -> int:
        """Places that one participant holds."""
        return self._held.get(sender, 0)

    def lets_in(self, command: Command | None, answer: Answering) -> Lack | None:
        """Take a command, or say what there is not enough of."""
        rank, sender_of = _WAYS[type(command)]
        waiting = self._waiting
        if len(waiting) >= self._rooms[rank]:
            return "room"
        if sender_of is None:
            waiting.append(Waiting(command, answer, None))
            return None
        sender = sender_of(command)
        held = self._held.get(sender, 0)
        if held >= self._shares[rank]:
            return "share"
        self._held[sender] = held + 1
        waiting.append(Waiting(command, answer, sender))
        return None

    def next(self, most: int) -> list[Waiting]:
        """Those who came first leave for their batch."""
        waiting = self._waiting
        if len(waiting) <= most:
            leaving = list(waiting)
            waiting.clear()
            self._held.clear()
            return leaving
        leaving = [waiting.popleft() for _ in range(most)]
        held = self._held
        for _, _, sender in leaving:
            if sender is not None:
                left = held[sender] - 1
                if left:
                    held[sender] = left
                else:
                    del held[sender]
        return leaving

    def clear(self) -> list[Waiting]:
        """All of them leave."""
        return self.next(len(self._waiting))


def _way(kind: type) -> _Way:
    rank = 2 if kind in OWN else 1 if kind in CANCELLING else 0
    fields = getattr(kind, "__struct_fields__", ())
    if kind is settlement.Deposit:  # names whose money it is, who did not ask for it
        return _Way(rank, None)
    for name in ("participant_id", "operator_id", "lender_id"):
        if name in fields:
            return _Way(rank, attrgetter(name))
    return _Way(rank, None)


_WAYS: Final[dict[type, _Way]] = {kind: _way(kind) for kind in (*get_args(Command), type(None))}
