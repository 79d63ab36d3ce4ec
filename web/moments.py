"""Moments as people write them: a date, a time with its zone, or nanoseconds."""

from datetime import datetime

from settlement.civil import day_number, day_start_ns

MAXIMUM_TIME = 2**63 - 1


def read_moment(text: str) -> int:
    """Nanoseconds since 1970 UTC of `2026-11-23` (when that day begins on the venue's wall), of
    `2026-11-23T10:15:30+08:00`, or of an integer that is just that. Raises `ValueError` that says how to write it.
    """
    if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAXIMUM_TIME:
        return int(text)
    day = day_number(text)
    if day is not None:
        return day_start_ns(day)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("a date as 2026-11-23, a time as 2026-11-23T10:15:30+08:00, or nanoseconds since 1970")
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 10**9 + moment.microsecond * 1_000
