"""What a document is about, and what of it a seal covers."""

from typing import Any

from msgspec import Struct

from web.documents.paper import Block, Words


class Figure(Struct, frozen=True):
    """The number on a document that a forger would change: who verifies it types it in, and hears whether it is right.

    The page does not show it, or whoever saw the code alone would know what is on the paper.
    """

    label: Words
    text: str


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
    figure: Figure
    sequence: int


class Draft(Struct, frozen=True, kw_only=True):
    """A document but for its seal."""

    subject: Subject
    blocks: tuple[Block, ...]
