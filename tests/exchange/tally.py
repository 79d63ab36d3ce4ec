"""A machine for tests that is small enough to be sure of: it counts phase changes.

`SetPhase(symbol, phase)` counts one and tells it; a symbol `UNTIL-<ns>` is closed by time itself when it comes;
`POISON` breaks the machine after it has counted; `STUCK` sets a deadline that time does not clear.
"""

from hashlib import blake2b

from exchange.protocol import Command, Event
from matching.messages import AdvanceTime, CommandRejected, PhaseChanged, SetPhase


class Tally:
    def __init__(self, forgetful: bool = False) -> None:
        self.sequence = 0
        self.time_ns = 0
        self.counts: dict[str, int] = {}
        self.deadlines: dict[str, int] = {}
        self.forgetful = forgetful
        """Counts every seventh command without telling: a state that its events do not show."""

    def advance(self, time_ns: int, sequence: int) -> tuple[Event, ...]:
        assert time_ns >= self.time_ns
        assert sequence == self.sequence + 1
        self.time_ns = time_ns
        due = [symbol for symbol, deadline_ns in self.deadlines.items() if deadline_ns <= time_ns and symbol != "STUCK"]
        for symbol in due:
            del self.deadlines[symbol]
        return tuple(PhaseChanged(symbol, "closed") for symbol in due)

    def execute(self, command: Command, sequence: int, time_ns: int) -> tuple[Event, ...]:
        assert sequence == self.sequence + 1
        assert time_ns == self.time_ns
        self.sequence = sequence
        if isinstance(command, AdvanceTime):
            return ()
        if not isinstance(command, SetPhase):
            return (CommandRejected("other", None, "unknown_symbol"),)
        symbol = command.symbol
        self.counts[symbol] = self.counts.get(symbol, 0) + 1
        if self.forgetful and sequence % 7 == 0:
            self.counts[symbol] += 1
        if symbol == "POISON":
            raise ZeroDivisionError("poisoned")
        if symbol.startswith("UNTIL-"):
            self.deadlines[symbol] = int(symbol.removeprefix("UNTIL-"))
        if symbol == "STUCK":
            self.deadlines[symbol] = 0
        return (PhaseChanged(symbol, command.phase),)

    def next_deadline_ns(self) -> int | None:
        return min(self.deadlines.values(), default=None)

    def state_hash(self) -> bytes:
        state = repr((self.sequence, self.time_ns, self.counts, self.deadlines))
        return blake2b(state.encode(), digest_size=32).digest()
