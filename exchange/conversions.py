"""Conversions: the engine's state as one version writes it, made into the next version's.

A release with other rules begins a segment with the state that the rules before have led to (`exchange.recovery`). It
reads that state in the older form, so that each change of the form comes with an entry here; where only the rules
change, the entry sets the version. A release that skips some goes through all in between.
"""

from collections.abc import Callable, Mapping
from typing import Final

from exchange.journal import ENGINE_VERSION

Conversion = Callable[[bytes], bytes]
"""Raises ValueError on what is no state of its version."""

CONVERSIONS: Final[Mapping[str, Conversion]] = {}
"""By engine version, what makes its state that of the version after it. Nothing was released before version 3."""


def convert(state: bytes, version: str, conversions: Mapping[str, Conversion] = CONVERSIONS) -> bytes | None:
    """The state in today's form, or none where a step is missing. Raises ValueError. O(state)."""
    while version != ENGINE_VERSION:
        conversion = conversions.get(version)
        if conversion is None:
            return None
        state, version = conversion(state), str(int(version) + 1)
    return state
