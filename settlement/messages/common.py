"""What all messages of settlement share: their base, and the shapes of their fields."""

from typing import Annotated

from msgspec import Meta, Struct

MAXIMUM_INTEGER = 2**53 - 1
MAXIMUM_MONEY_FEN = 2**63 - 1
MAXIMUM_TEXT = 200
PositiveInteger = Annotated[int, Meta(ge=1, le=MAXIMUM_INTEGER)]
Natural = Annotated[int, Meta(ge=0, le=MAXIMUM_INTEGER)]
Text = Annotated[str, Meta(min_length=1, max_length=MAXIMUM_TEXT)]
CivilDate = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]

CASH = "CNY"
"""The one currency; every other asset is a symbol's goods, in grams."""


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What all messages share: immutable, named fields, no unknown ones.

    What every order or trade brings may be made by position too: naming each field takes the interpreter seven times
    as long.
    """


class RequestRefused(Message, frozen=True, kw_only=True, tag="request_refused"):
    """A command of this module that the rules refuse: nothing changed. `field` is the one at fault, where there is
    one.
    """

    command: str
    reason: str
    field: str | None = None
    detail: str = ""
