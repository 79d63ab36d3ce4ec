"""How old what the database does not show yet is."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

SPACING_SECONDS: Final = 0.1
"""Commits closer together than this are remembered as one."""

MAXIMUM_MARKS: Final = 4096
"""Beyond so many each two are remembered as one, as old as the older: what an idle follower owes stays bounded."""


class Lag:
    """Remembers when commands were committed, until they are projected. O(1) but for the rare thinning."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # (last sequence, when the first was committed) of commits remembered as one, oldest first.
        self._marks: deque[tuple[int, float]] = deque()
        self._projected = 0

    def committed(self, sequence: int) -> None:
        """Everything up to this sequence is committed now."""
        marks, now = self._marks, self._clock()
        if sequence <= self._projected:
            return
        if marks and now - marks[-1][1] < SPACING_SECONDS:
            marks[-1] = (sequence, marks[-1][1])
            return
        marks.append((sequence, now))
        if len(marks) > MAXIMUM_MARKS:
            pairs = zip(list(marks)[:-1:2], list(marks)[1::2], strict=True)
            rest = [marks[-1]] if len(marks) % 2 else []
            self._marks = deque([(later[0], earlier[1]) for earlier, later in pairs] + rest)

    def projected(self, sequence: int) -> None:
        """The database holds everything up to this sequence."""
        self._projected = sequence
        while self._marks and self._marks[0][0] <= sequence:
            self._marks.popleft()

    @property
    def seconds(self) -> float:
        """The age of the oldest commit that is not projected, at most `SPACING_SECONDS` too much; 0 when there is
        none."""
        return self._clock() - self._marks[0][1] if self._marks else 0.0
