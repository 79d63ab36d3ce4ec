"""What a document is about, and what of it a seal covers."""

from typing import Any, Final

from msgspec import Struct

from web.documents.paper import Block, Words


class Subject(Struct, frozen=True, kw_only=True):
    """A thing that documents are made of, as it stands at a sequence.

    `facts` are what the digest covers: numbers, dates and states, never words. `name` is its part of the address.
    """

    kind: str
    name: str
    number: str
    title: Words
    state: Words
    valid: bool
    facts: tuple[Any, ...]
    sequence: int


class Draft(Struct, frozen=True, kw_only=True):
    """A document but for its seal."""

    subject: Subject
    blocks: tuple[Block, ...]


UNKNOWN_STATE: Final = Words("状态未知", "unknown state")
