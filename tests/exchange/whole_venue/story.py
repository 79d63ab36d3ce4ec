"""One seed's story: the crowd acts, the auditor judges, the engine is restored on the way; and a story made short.

    python -m tests.exchange.whole_venue.story FIRST [COUNT] [COMMANDS]

runs so many seeds from the first one, tells the state's hash of each, and of one that fails the shortest story
that still fails. Exit status 1 then.
"""

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import msgpack
from msgspec.structs import replace

from exchange.engine import Engine, EngineState
from exchange.protocol import decode_commands, decode_events, encode
from exchange.replay import run_batch
from matching.messages import Rejection
from settlement.messages import EnterOffer, EnterOrder, OrderRepeated, RequestRefused
from settlement.messages.delivery import HandOver, StartBuyIn
from settlement.messages.treasury import WithdrawalRepeated
from tests.exchange.floor import MONDAY
from tests.exchange.whole_venue.auditor import Auditor
from tests.exchange.whole_venue.crowd import Chance, Crowd
from tests.exchange.whole_venue.holders import Holders
from tests.exchange.whole_venue.parties import Drivers, Parties
from tests.exchange.whole_venue.tellers import Operators, Tellers
from tests.exchange.whole_venue.traders import Traders

TWINS_PERCENT = 6
"""How often a restored engine is set beside the one that runs."""

TWIN_COMMANDS = 8
"""So long both run, then the restored one goes on alone."""

DELIVERY_OFFICE = 3
"""Its place among the engine's offices: a wrong hand-over code is the one refusal that is counted."""

Told = tuple[Any, int]
"""A command, and the time that it is stamped with."""


class Bench:
    """An engine under audit. `do` executes one command and asserts all that must hold.

    The auditor judges after every command; the engine audits itself after each `audited`th, which takes as long.
    """

    def __init__(self, audited: int = 1) -> None:
        self.audited = audited
        self.engine = Engine()
        self.books = Auditor()
        self.told: list[Told] = []
        self.accepted: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self.reasons: dict[str, int] = {}
        self.heard: dict[str, int] = {}
        """Events by their kind and, where they have one, their cause."""
        self._twin: Engine | None = None
        self._twin_left = 0

    def do(self, command: Any, time_ns: int) -> None:
        self.told.append((command, time_ns))
        engine = self.engine
        sequence = engine.sequence + 1
        brought: tuple[Any, ...] = ()
        if time_ns != engine.time_ns:
            brought = engine.advance(time_ns, sequence)
            self.books.take(None, brought, sequence, time_ns)
            self._audit()
            due_ns = engine.next_deadline_ns()
            assert due_ns is None or due_ns > time_ns, (due_ns, time_ns)
        before = engine.snapshot()
        events = engine.execute(command, sequence, time_ns)
        assert decode_events(encode((events,))) == (events,)
        self.books.take(command, events, sequence, time_ns)
        self._audit()
        self.books.compare(engine)
        for event in (*brought, *events):
            name = f"{type(event).__name__} {getattr(event, 'cause', '')}".rstrip()
            self.heard[name] = self.heard.get(name, 0) + 1
        self._judge_refusal(command, events, before)
        if self._twin is not None:
            self._follow(command, time_ns, (brought, events))

    def _audit(self) -> None:
        if self.engine.sequence % self.audited == 0:
            self.engine.audit()

    # Refusals

    def _judge_refusal(self, command: Any, events: tuple[Any, ...], before: bytes) -> None:
        """A command that is refused, or was done before, changes nothing and says nothing else."""
        tag = command.__struct_config__.tag
        reason = _refusal(command, events)
        if reason is None:
            self.accepted[tag] = self.accepted.get(tag, 0) + 1
            return
        self.refused[tag] = self.refused.get(tag, 0) + 1
        self.reasons[f"{tag}: {reason}"] = self.reasons.get(f"{tag}: {reason}", 0) + 1
        repeated = isinstance(events[0], RequestRefused | OrderRepeated)
        entered = not repeated and isinstance(command, EnterOrder | EnterOffer)
        counted = type(command) is HandOver and reason == "wrong_code"
        assert len(events) == 1 + entered + counted, events
        was, now = (_comparable(state, entered, counted) for state in (before, self.engine.snapshot()))
        assert was == now, (command, events, _differing(was, now))

    # Restoring

    def restart(self) -> None:
        """From here on a restored engine runs beside, until it goes on alone."""
        if self._twin is not None:
            return
        state = self.engine.snapshot()
        twin = Engine.restore(state)
        twin.audit()
        assert twin.snapshot() == state
        assert twin.state_hash() == self.engine.state_hash()
        assert twin.next_deadline_ns() == self.engine.next_deadline_ns()
        self._twin, self._twin_left = twin, TWIN_COMMANDS

    def _follow(self, command: Any, time_ns: int, told: tuple[tuple[Any, ...], tuple[Any, ...]]) -> None:
        twin = self._twin
        assert twin is not None
        brought = twin.advance(time_ns, twin.sequence + 1) if time_ns != twin.time_ns else ()
        assert (brought, twin.execute(command, twin.sequence + 1, time_ns)) == told
        assert twin.state_hash() == self.engine.state_hash()
        self._twin_left -= 1
        if not self._twin_left:
            assert twin.snapshot() == self.engine.snapshot()
            self.engine, self._twin = twin, None

    def replay(self) -> None:
        """The commands, read back from their journaled form, lead to the same state."""
        again = Engine()
        for command, time_ns in self.told:
            run_batch(again, decode_commands(encode((command,))), again.sequence + 1, time_ns)
        assert again.snapshot() == self.engine.snapshot()
        assert again.state_hash() == self.engine.state_hash()


class Story(Bench):
    """A seed's whole story."""

    def __init__(self, seed: int, audited: int = 1) -> None:
        super().__init__(audited)
        self.seed = seed
        self.chance = chance = Chance(seed, self.books)
        chance.now_ns = MONDAY
        self._operators = Operators(chance)
        rooms = (Traders(chance), Holders(chance), Parties(chance), Drivers(chance), Tellers(chance), self._operators)
        self._crowd = Crowd(chance, [group for room in rooms for group in room.groups()])

    def run(self, commands: int) -> "Story":
        chance = self.chance
        chance.engine = self.engine
        for command in self._operators.prologue():
            self.do(command, chance.now_ns)
        for _ in range(commands):
            if chance.likely(TWINS_PERCENT):
                self.restart()
            chance.engine = self.engine
            self.do(*self._crowd.next())
        self.engine.audit()
        self.replay()
        return self


def _refusal(command: Any, events: tuple[Any, ...]) -> str | None:
    """Why the command was refused, or the same as before; None where it was done.

    What a buy-in enters within its command is refused on its own account.
    """
    if not events:
        return None
    first, last = events[0], events[-1]
    if type(last) is RequestRefused and last.command == command.__struct_config__.tag:
        return last.reason
    if type(first) is RequestRefused:
        assert first.command == command.__struct_config__.tag, events
        return first.reason
    if isinstance(first, OrderRepeated | WithdrawalRepeated):
        return "repeated"
    if isinstance(first, Rejection) and type(command) is not StartBuyIn:
        return first.reason
    return None


def _comparable(state: bytes, entered: bool, counted: bool) -> EngineState:
    """The state without what a refusal may change: the sequence, of an order its number and client id."""
    decoded = msgpack.decode(state, type=EngineState)
    decoded = replace(decoded, sequence=0)
    if entered:
        decoded = replace(decoded, last_order_id=0, ended_client_ids=(0, b"", [], []))
    if counted:
        decoded = replace(decoded, offices=[each for at, each in enumerate(decoded.offices) if at != DELIVERY_OFFICE])
    return decoded


def _differing(was: EngineState, now: EngineState) -> list[str]:
    return [name for name in was.__struct_fields__ if getattr(was, name) != getattr(now, name)]


# Making a story short


def fails(told: Sequence[Told], restarts: bool) -> str | None:
    """How these commands fail, by where; None where they do not. Restored at every eighth command or never."""
    bench = Bench()
    try:
        for at, (command, time_ns) in enumerate(told):
            if restarts and at % TWIN_COMMANDS == 0:
                bench.restart()
            bench.do(command, max(time_ns, bench.engine.time_ns))
        bench.replay()
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {frame.name}: {frame.line}"
    return None


def shorten(told: list[Told], how: Callable[[list[Told]], str | None]) -> list[Told]:
    """Leave out what is not needed to fail the same way: halves first, single commands last. At least O(n) runs."""
    wanted = how(told)
    if wanted is None:
        return told
    size = max(1, len(told) // 2)
    while True:
        at = 0
        before = len(told)
        while at < len(told):
            tried = told[:at] + told[at + size :]
            if how(tried) == wanted:
                told = tried
            else:
                at += size
        if size > 1:
            size //= 2
        elif len(told) == before:
            return told


def describe(told: Sequence[Told]) -> str:
    """As a test may repeat it: seconds since the first command, and the command without what it leaves as it is."""
    start_ns = told[0][1] if told else 0
    return "\n".join(f"+{(time_ns - start_ns) // 10**9} s  {_plain(command)}" for command, time_ns in told)


def _plain(command: Any) -> str:
    kind = type(command)
    required = len(kind.__struct_fields__) - len(kind.__struct_defaults__)
    defaults = dict(zip(kind.__struct_fields__[required:], kind.__struct_defaults__, strict=True))
    said = [
        f"{name}={getattr(command, name)!r}"
        for name in kind.__struct_fields__
        if name not in defaults or getattr(command, name) != defaults[name]
    ]
    return f"{kind.__name__}({', '.join(said)})"


def explain(story: Bench) -> str:
    """The shortest story that fails like this one."""
    for restarts in (False, True):
        found = fails(story.told, restarts)
        if found is not None:
            short = shorten(list(story.told), lambda told, restarts=restarts: fails(told, restarts))  # type: ignore[misc]
            return f"{found}\n{len(story.told)} commands, {len(short)} of them needed:\n{describe(short)}"
    return f"not repeated by its {len(story.told)} commands alone"


def main(arguments: Sequence[str]) -> int:
    first, count, commands = (*map(int, arguments), *(0, 1, 300)[len(arguments) :])
    failed = 0
    for seed in range(first, first + count):
        story = Story(seed)
        try:
            story.run(commands)
        except Exception:
            failed += 1
            print(f"seed {seed} fails at command {len(story.told)}", flush=True)
            traceback.print_exc(limit=-3)
            print(explain(story), flush=True)
        else:
            print(seed, story.engine.state_hash().hex(), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
