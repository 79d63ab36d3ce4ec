"""Progress of a long piece of work: a bar on a terminal, a line now and then in a pipe or a log."""

import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

WIDTH: Final = 30
TERMINAL_SECONDS: Final = 0.1
PIPE_SECONDS: Final = 10.0
"""A pipe gets a line for each tenth that is done, and otherwise after so long."""


class Progress:
    """Tells on `stream` how much of `total` is done. `end` closes it, also when the work has failed."""

    def __init__(
        self,
        stream: TextIO,
        what: str,
        total: int,
        *,
        done: int = 0,
        unit: str = "commands",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`done` was done before, so it is no part of the speed."""
        self._stream = stream
        self._what = what
        self._total = total
        self._unit = unit
        self._begun_at = done
        self._clock = clock
        self._begun = clock()
        self._terminal = stream.isatty()
        self._told = float("-inf")
        self._tenth = -1
        self._open = False

    def tell(self, done: int) -> None:
        now = self._clock()
        tenth = done * 10 // max(self._total, 1)
        if self._terminal:
            if now - self._told < TERMINAL_SECONDS and done < self._total:
                return
        elif tenth == self._tenth and now - self._told < PIPE_SECONDS:
            return
        self._told, self._tenth = now, tenth
        text = line(self._what, done, self._total, (done - self._begun_at, now - self._begun), self._unit)
        if self._terminal:
            # To the line's start, and away with what a longer text has left behind.
            self._stream.write(f"\r{bar(done, self._total)} {text}\x1b[K")
            self._open = True
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the terminal's line, so that what is said next has one of its own."""
        if self._open:
            self._open = False
            self._stream.write("\n")
            self._stream.flush()


def bar(done: int, total: int) -> str:
    full = min(done, total) * WIDTH // total if total else WIDTH
    return f"[{'#' * full}{'.' * (WIDTH - full)}]"


def line(what: str, done: int, total: int, speed: tuple[int, float], unit: str = "commands") -> str:
    """`rebuilding 50 %, 1,000 of 2,000 commands, 3 s left`; `speed` is how much was done in how many seconds."""
    much, seconds = speed
    percent = done * 100 // total if total else 100
    text = f"{what} {percent} %, {done:,} of {total:,} {unit}"
    if done < total and much > 0 and seconds > 0:
        text += f", {round((total - done) * seconds / much):,} s left"
    return text


class Meter:
    """Makes the progress of each piece of work, on standard error unless another stream is given."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def __call__(self, what: str, total: int, done: int = 0, unit: str = "commands") -> Progress:
        """What the work is, how much there is of it, and how much was done before."""
        return Progress(self._stream, what, total, done=done, unit=unit)
