"""The writer of snapshots: a child of the follower, forked with its engine and witnesses as they stand.

    follower ── fork ─► child: audit ─► state ─► file ─► sync ─► read back, restore, compare ─► name ─► the oldest go
       │ projects and re-executes on      └─► a line: nothing, or what went wrong

What the child sees is a moment that nobody changes any more. It uses none of the follower's connections, and leaves
without a word to them (`os._exit`). When the follower ends, or is killed, the child goes on to its own end: a snapshot
of a moment that was committed is good whoever lives. It gives way to everybody else on the machine.

Before it writes, the child asks the engine for all its invariants (`Engine.audit`): money, goods, reservations, orders.
That takes a second with 100,000 orders, which only the child can spare. Where one is broken, re-execution may agree to
the last byte and the rules are wrong all the same: the venue is to halt, and nothing is written to start from.
"""

import contextlib
import gc
import os
import select
import signal
import time
import traceback
from collections.abc import Sequence
from typing import Final, NamedTuple, NoReturn

from exchange.engine import Engine
from exchange.journal import Tip
from exchange.recovery import Witness, write
from exchange.snapshot import SnapshotError, Snapshots

NICENESS: Final = 10

MAXIMUM_TEXT: Final = 1000


BROKEN: Final = 3
"""The child's exit status where an invariant does not hold; 1 is any other trouble."""


class Written(NamedTuple):
    """What became of the snapshot of a sequence: none, it is there; else what went wrong, in a line. `broken`: the
    state itself is."""

    sequence: int
    trouble: str | None
    broken: bool = False
    seconds: float = 0.0
    """From the fork to the child's end."""
    stood_seconds: float = 0.0
    """Of those: for which the follower stood still, to be copied."""


class _Child(NamedTuple):
    pid: int
    sequence: int
    says: int
    began: float
    forked: float


class SnapshotWriter:
    """Knows when the next snapshot is due, and what became of those begun."""

    def __init__(self, snapshots: Snapshots, venue_id: str, *, every: int, kept: int, last: int = 0) -> None:
        """One each `every` commands, the last `kept` of them; `last` is the sequence of the one that is there."""
        self._snapshots = snapshots
        self._venue_id = venue_id
        self._every = every
        self._kept = kept
        self._begun = self._last = last
        self._children: list[_Child] = []

    @property
    def writing(self) -> bool:
        return bool(self._children)

    @property
    def says(self) -> list[int]:
        """What to wait for: readable when a child is done."""
        return [child.says for child in self._children]

    def due(self, sequence: int) -> bool:
        """Whether one is to be begun, now that the engine stands there; not while another is being written."""
        return not self._children and sequence - self._begun >= self._every

    def wanted(self, sequence: int) -> bool:
        """Whether there is none of this sequence, nor one under way."""
        return sequence > self._last and all(child.sequence != sequence for child in self._children)

    def begin(self, engine: Engine, witnesses: Sequence[Witness], row: Tip) -> None:
        """Fork: the child writes, and this process goes on. Raises `OSError` where there can be no child."""
        reading, writing = os.pipe()
        began = time.monotonic()
        try:
            pid = os.fork()
        except OSError:
            os.close(reading)
            os.close(writing)
            raise
        if pid == 0:
            self._write_and_leave(engine, witnesses, row, writing)
        os.close(writing)
        self._begun = row.sequence
        self._children.append(_Child(pid, row.sequence, reading, began, time.monotonic()))

    def finished(self) -> list[Written]:
        """What has come to an end since the last call."""
        if not self._children:
            return []
        ready = select.select(self.says, [], [], 0)[0]
        done = [child for child in self._children if child.says in ready]
        self._children = [child for child in self._children if child.says not in ready]
        return [self._end_of(child) for child in done]

    def _end_of(self, child: _Child) -> Written:
        with open(child.says, "rb") as says:
            text = says.read().decode(errors="replace")
        status = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
        took, stood = time.monotonic() - child.began, child.forked - child.began
        if status == 0:
            self._last = max(self._last, child.sequence)
            return Written(child.sequence, None, False, took, stood)
        died = f"its writer was ended by {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        text = text or f"the snapshot at sequence {child.sequence} was not written: {died}"
        return Written(child.sequence, text, status == BROKEN, took, stood)

    def _write_and_leave(self, engine: Engine, witnesses: Sequence[Witness], row: Tip, says: int) -> NoReturn:
        """In the child."""
        status = 1
        try:
            gc.disable()  # It would copy the memory that is shared, by looking at it.
            _let_go_of_everything_but(says)
            with contextlib.suppress(OSError):
                os.nice(NICENESS)
            status = BROKEN
            engine.audit()
            status = 1
            header = write(self._snapshots, engine, witnesses, row, self._venue_id)
            self._snapshots.retain(self._kept, header)
            status = 0
        except SnapshotError as error:
            _say(says, str(error))
        except BaseException as error:
            if status == BROKEN:
                _say(says, f"an invariant is broken at sequence {row.sequence}: {_where(error)}")
            else:
                _say(says, f"the snapshot at sequence {row.sequence} was not written: {error!r}")
        finally:
            os._exit(status)


def _let_go_of_everything_but(descriptor: int) -> None:
    """The journal's files, the database's connections, the venue's pipes: they are the follower's."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    for each in map(int, os.listdir("/dev/fd")):
        if each > 2 and each != descriptor:
            with contextlib.suppress(OSError):  # The one by which the folder was listed is closed already.
                os.close(each)


def _where(error: BaseException) -> str:
    """An assertion often has no words: the place says which one it is."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    return f"{at.name}, {at.line}: {error!r}"


def _say(descriptor: int, text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(descriptor, text[:MAXIMUM_TEXT].encode())
