"""What the venue says of itself on standard error: text for people on a terminal, JSON lines for whatever collects
logs.

    {"time":"2026-11-24T02:00:00.123456Z","level":"ERROR","logger":"exchange.brake","sequence":41,"message":"…"}

`sequence` is the venue's last committed one when the line was written; `exception` is a traceback. No line holds a
password, a token, a cookie or a key: nothing of ours logs any, the loggers of libraries that would are kept quiet
at every level, and what still comes through in the text of somebody's exception is blacked out here.
"""

import asyncio
import logging
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

LogFormat = Literal["auto", "json", "text"]

TALKATIVE: Final = {
    # Whole messages and headers at its lowest level, which hold tokens.
    "websockets": logging.INFO,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "alembic": logging.WARNING,
    # It warns of each stranger who speaks no HTTP.
    "uvicorn": logging.ERROR,
}
"""Loggers of libraries, and the lowest level that is heard of them."""

_HIDDEN: Final = "…"
_SECRETS: Final = (
    re.compile(r"(?<=[Bb]earer )[\w.~+/=-]+"),
    re.compile(r"(?<=banana_session=)[^;\s\"'\\]+"),
    re.compile(
        r"((?:password|token|secret|cookie|csrf)[\w-]{0,40}[\\\"']*\s*[:=]\s*(?:b?[\\\"']+)?)[^\s\\\"',;)}\]]+",
        re.IGNORECASE,
    ),
    re.compile(r"(?<=://)([^\s:/@\"']*:)[^\s@/\"']+(?=@)"),
    re.compile(r"\$argon2\w+\$[^\s\"'\\]+"),
)


class Log:
    """The one log of a process. `sequence` is set once there is one."""

    def __init__(self) -> None:
        self.sequence: Callable[[], int] | None = None

    def now(self) -> int | None:
        return None if self.sequence is None else self.sequence()


def begin(level: str, form: LogFormat = "auto") -> Log:
    """Send what this process logs to standard error from now on."""
    log = Log()
    handler = logging.StreamHandler()
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    handler.setFormatter(_Text(log) if as_text else _Json(log))
    # On the handler too: the feed lowers the level of what strangers cause after the logger has let it pass.
    handler.setLevel(level.upper())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name, lowest in TALKATIVE.items():
        logging.getLogger(name).setLevel(lowest)
    logging.getLogger("uvicorn.error").addFilter(_Strangers())
    return log


def without_secrets(text: str) -> str:
    """O(text)."""
    for pattern in _SECRETS:
        text = pattern.sub(lambda found: f"{found[1]}{_HIDDEN}" if found.re.groups else _HIDDEN, text)
    return text


class _Text(logging.Formatter):
    def __init__(self, log: Log) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(at)s: %(message)s")
        self._log = log

    def format(self, record: logging.LogRecord) -> str:
        sequence = self._log.now()
        record.at = "" if sequence is None else f" at {sequence}"
        return without_secrets(super().format(record))


class _Json(logging.Formatter):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": record.levelname,
            "logger": record.name,
        }
        sequence = self._log.now()
        if sequence is not None:
            line["sequence"] = sequence
        line["message"] = without_secrets(record.getMessage())
        if record.exc_info:
            line["exception"] = without_secrets(self.formatException(record.exc_info))
        return msgspec.json.encode(line).decode()


class _Strangers(logging.Filter):
    """What uvicorn tells of clients who send nonsense or never finish is no error of ours: no traceback, and below the
    level of warnings.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], UnicodeDecodeError | asyncio.CancelledError):
            record.exc_info = None
            record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return True
