"""What the database alone owns, carried to another database: credentials, titles for invoices, requests for invoices,
regions of participants, prices of other markets.

One file a table, lines of JSON: the first names the columns and what they hold, each other one is a row. It can be read
without a program of ours, and it goes from SQLite to PostgreSQL or back. Sessions stay behind: whoever had signed out
after the copy was made would be signed in again.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TextIO

import msgspec
from msgspec import Struct
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Table,
    Text,
    column,
    delete,
    exists,
    insert,
    or_,
    select,
    table,
    text,
)

import web.tables
from marketdata.tables import trades
from settlement.tables import contracts, participants

Kind = Literal["integer", "text", "bytes", "json"]

ROWS_AT_ONCE: Final = 500

_TYPES: Final[dict[Kind, type[Any]]] = {"integer": BigInteger, "text": Text, "bytes": LargeBinary, "json": JSON}


class OwnRecordsDamaged(Exception):
    """A file is not what was written; one line that names it."""


class Head(Struct, frozen=True):
    """The first line: the table, and each column with what it holds."""

    table: str
    columns: list[tuple[str, Kind]]


def own_tables() -> list[Table]:
    """Tables whose rows are carried; one that names rows of another comes after it."""
    return [each for each in web.tables.metadata.sorted_tables if each is not web.tables.sessions]


def write_records(connection: Connection, owned: Table, path: Path) -> int:
    """Write a table's rows, in the order of their keys; how many there are. A bounded part is in memory."""
    columns = [(str(each.name), kind_of(each)) for each in owned.columns]
    query = select(owned).order_by(*owned.primary_key.columns)
    rows = connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})
    count = 0
    with path.open("wb") as file:
        file.write(msgspec.json.encode(Head(str(owned.name), columns)) + b"\n")
        for row in rows:
            values = [_told(value, kind) for value, (_, kind) in zip(row, columns, strict=True)]
            file.write(msgspec.json.encode(values) + b"\n")
            count += 1
    return count


def read_records(connection: Connection, path: Path) -> int:
    """Put a file's rows into the empty table that it names; how many there are.

    The table may be of an older schema than this release's: the file says which columns there are. Raises
    `OwnRecordsDamaged`.
    """
    with path.open(encoding="utf-8") as file:
        head = _decode(path, 1, file.readline(), Head)
        into = table(head.table, *(column(name, _type(kind)) for name, kind in head.columns))
        count = 0
        for rows in _chunks(path, head, file):
            connection.execute(insert(into), rows)
            count += len(rows)
    if connection.dialect.name == "postgresql":
        _go_on_numbering(connection, head.table)
    return count


def drop_strangers(connection: Connection) -> dict[str, int]:
    """Throw away rows that name what the views do not know, after a restoration to an earlier point; how many, by
    table.

    Numbers are given again to whoever comes next: without this a newcomer could be signed in to with the password of
    somebody who was there before.
    """
    dropped = {}
    for owned, belongs in _belonging().items():
        count = connection.execute(delete(owned).where(~belongs)).rowcount
        if count:
            dropped[owned.name] = count
    return dropped


def _belonging() -> dict[Table, ColumnElement[bool]]:
    """When a row has a place in the venue that the views show."""

    def known(participant_id: Column[Any], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        return exists().where(participants.c.participant_id == participant_id, *conditions)

    credentials, titles, invoices = web.tables.credentials, web.tables.invoice_titles, web.tables.invoices
    regions = web.tables.participant_regions
    sources = (("trade", trades.c.trade_id), ("contract", contracts.c.contract_id))
    return {
        credentials: known(credentials.c.participant_id, participants.c.name == credentials.c.name),
        titles: known(titles.c.participant_id),
        regions: known(regions.c.participant_id),
        invoices: or_(
            *((invoices.c.source == name) & exists().where(key == invoices.c.source_id) for name, key in sources)
        ),
    }


def kind_of(each: Column[Any]) -> Kind:
    """What a column holds. Raises `TypeError` for what no file can carry yet."""
    match each.type:
        case JSON():
            return "json"
        case Integer():
            return "integer"
        case Text():
            return "text"
        case LargeBinary():
            return "bytes"
        case other:
            raise TypeError(f"{each}: {other!r} is not carried")


def _told(value: Any, kind: Kind) -> Any:
    return b64encode(value).decode() if kind == "bytes" and value is not None else value


def _type(kind: Kind) -> Any:
    return JSON(none_as_null=True) if kind == "json" else _TYPES[kind]


def _chunks(path: Path, head: Head, file: TextIO) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(file, 2):
        rows.append(_row(path, number, line, head.columns))
        if len(rows) == ROWS_AT_ONCE:
            yield rows
            rows = []
    if rows:
        yield rows


def _row(path: Path, number: int, line: str, columns: Sequence[tuple[str, Kind]]) -> dict[str, Any]:
    values = _decode(path, number, line, list[Any])
    if len(values) != len(columns):
        raise OwnRecordsDamaged(f"{path}: line {number} has {len(values)} values for {len(columns)} columns")
    return {
        name: b64decode(value) if kind == "bytes" and value is not None else value
        for value, (name, kind) in zip(values, columns, strict=True)
    }


def _decode(path: Path, number: int, line: str, wanted: Any) -> Any:
    try:
        return msgspec.json.decode(line, type=wanted)
    except msgspec.DecodeError as error:
        raise OwnRecordsDamaged(f"{path}: line {number}: {error}") from error


def _go_on_numbering(connection: Connection, name: str) -> None:
    """Rows that PostgreSQL numbers itself were put in with their numbers, which does not count them."""
    numbered = connection.execute(
        text(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema()"
            " AND table_name = :name AND (column_default LIKE 'nextval(%' OR is_identity = 'YES')"
        ),
        {"name": name},
    ).scalars()
    for key in numbered.all():
        quote = connection.dialect.identifier_preparer.quote
        newest = connection.execute(text(f"SELECT max({quote(key)}) FROM {quote(name)}")).scalar_one()
        if newest is not None:
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence(:name, :key), :newest)"),
                {"name": quote(name), "key": key, "newest": newest},
            )
