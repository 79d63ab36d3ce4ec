"""How often somebody may be wrong: after some failures in a while each further one costs a longer wait, by key."""

import time
from collections import deque
from collections.abc import Callable, Hashable

MAXIMUM_KEYS = 10_000

FURTHER = 16
"""Failures beyond the limit that are counted at most: by then the wait has long been the longest."""


class Throttle:
    """The failure of a key within `window_s` that reaches the limit costs a wait of `first_s`, each further one twice
    the wait before it, at most `window_s`. The keys that failed longest ago are forgotten first.
    """

    def __init__(
        self, limit: int, window_s: float, first_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._window_s = window_s
        self._first_s = first_s
        self._clock = clock
        self._failures: dict[Hashable, _Failures] = {}

    def wait_s(self, key: Hashable) -> int:
        """Whole seconds until the key may try again; 0: now."""
        failures = self._failures.get(key)
        if failures is None:
            return 0
        left_s = failures.blocked_until - self._clock()
        return 0 if left_s <= 0 else max(1, -int(-left_s // 1))

    def failed(self, key: Hashable) -> None:
        failures = self._failures.pop(key, None) or _Failures(self._limit + FURTHER)
        self._failures[key] = failures
        now = self._clock()
        times = failures.times
        times.append(now)
        while times[0] <= now - self._window_s:
            times.popleft()
        if len(times) >= self._limit:
            failures.blocked_until = now + min(self._window_s, self._first_s * 2 ** (len(times) - self._limit))
        if len(self._failures) > MAXIMUM_KEYS:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, key: Hashable) -> None:
        self._failures.pop(key, None)


class _Failures:
    """When a key has failed of late, and until when it waits."""

    __slots__ = ("blocked_until", "times")

    def __init__(self, counted: int) -> None:
        self.times: deque[float] = deque(maxlen=counted)
        self.blocked_until = 0.0
