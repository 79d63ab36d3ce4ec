"""What a client raises.

FeedError
├── Refused          the venue said no: code, detail, field, symbol
├── Disconnected     the connection went while an answer was awaited: whether the request was done is unknown
└── Overflow         a reader of `messages` did not keep up
"""

from typing import Any


class FeedError(Exception):
    """What a client raises."""


class Refused(FeedError):
    """The venue refused a request."""

    def __init__(self, code: str, detail: str, field: str | None = None, symbol: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.field = field
        self.symbol = symbol

    @classmethod
    def of(cls, answer: dict[str, Any]) -> "Refused":
        """What an `error` of the feed, or a problem of HTTP, says."""
        return cls(answer["code"], answer.get("detail") or "", answer.get("field"), answer.get("symbol"))


class Disconnected(FeedError):
    """The connection went before the answer came. An order has its `client_order_id` to be asked by."""


class Overflow(FeedError):
    """More messages came than this reader had room for: some are lost, and it must begin anew."""
