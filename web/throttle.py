"""How often somebody may be wrong: a limit on failures within a sliding window, by key."""

import time
from collections import deque
from collections.abc import Callable, Hashable

MAXIMUM_KEYS = 10_000


class Throttle:
    """At most `limit` failures a key within `window_s`; the keys that failed longest ago are forgotten first."""

    def __init__(self, limit: int, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._window_s = window_s
        self._clock = clock
        self._failures: dict[Hashable, deque[float]] = {}

    def wait_s(self, key: Hashable) -> int:
        """Whole seconds until the key may try again; 0: now."""
        times = self._recent(key)
        if times is None or len(times) < self._limit:
            return 0
        return max(1, -int(-(times[0] + self._window_s - self._clock()) // 1))

    def failed(self, key: Hashable) -> None:
        times = self._recent(key) or deque(maxlen=self._limit)
        times.append(self._clock())
        self._failures.pop(key, None)
        self._failures[key] = times
        if len(self._failures) > MAXIMUM_KEYS:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, key: Hashable) -> None:
        self._failures.pop(key, None)

    def _recent(self, key: Hashable) -> deque[float] | None:
        times = self._failures.get(key)
        if times is None:
            return None
        oldest = self._clock() - self._window_s
        while times and times[0] <= oldest:
            times.popleft()
        return times
