"""What stands on a document, before anybody draws it: words in both languages, in blocks from top to bottom.

It is a message: the venue's process makes it, and the press, another one, draws it.
"""

from typing import Final, Literal

from msgspec import Struct

MAXIMUM_ROWS: Final = 2_000
"""Of a table; some sixty pages."""


class Words(Struct, frozen=True, array_like=True):
    """A thing said in Chinese, and in English where that is something else."""

    zh: str
    en: str = ""


class Field(Struct, frozen=True, array_like=True):
    """A labelled value; `wide` takes the whole width."""

    label: Words
    value: Words
    wide: bool = False


class Fields(Struct, frozen=True, array_like=True, tag="fields"):
    """Two labelled values side by side, down the page."""

    title: Words
    fields: tuple[Field, ...]


class Column(Struct, frozen=True, array_like=True):
    """`share` is the part of the width that it takes, measured by the sum of all shares."""

    label: Words
    share: int = 1
    align: Literal["left", "right"] = "left"


class Table(Struct, frozen=True, array_like=True, tag="table"):
    """Rows under column heads, which are repeated on each page; `total` stands below, in bold."""

    title: Words
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...] | None = None


class Clauses(Struct, frozen=True, array_like=True, tag="clauses"):
    """Numbered terms."""

    title: Words
    clauses: tuple[Words, ...]


class Signatures(Struct, frozen=True, array_like=True, tag="signatures"):
    """Room for seals and signatures, side by side."""

    parties: tuple[Words, ...]


Block = Fields | Table | Clauses | Signatures


class Paper(Struct, frozen=True, kw_only=True):
    """A whole document. `valid`: a document that no longer is bears its state across every page."""

    venue: Words
    title: Words
    number: str
    state: Words
    valid: bool
    blocks: tuple[Block, ...]
    made: Words
    """When it was made, and of what sequence it is true."""
    made_ns: int
    address: str
    """Of the page that verifies it; the QR code holds it."""
    digest: str
    """What the page compares, in groups of four for people to compare too."""
