"""`exchange prices import FILE`, `exchange prices list`: price series of other markets, from the command line.

The venue may be running. Exit status 0, 1 (some lines became no price: each is told) or 2 (nothing was imported).
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from exchange.config import SetupError
from exchange.database import (
    DatabaseProblem,
    DatabaseUnreachable,
    UnknownRevision,
    connect,
    head_revision,
    revision_of,
    unreachable,
)
from web.errors import InvalidRequest
from web.price_csv import Mapping, read_prices
from web.price_records import Imported, SeriesRecord, import_file, series_list

MAXIMUM_FILE: Final = 64 * 1024 * 1024
"""Bytes: a file is read whole."""

SERIES_AT_ONCE: Final = 500


def run_prices(database_url: str, options: argparse.Namespace, say: Callable[[str], Any] = print) -> int:
    """The exit status."""
    try:
        if options.action == "list":
            return _list(database_url, say)
        return _import(database_url, options, say)
    except (DatabaseProblem, SetupError) as error:
        print(f"exchange: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read has seen enough; what was imported is imported.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def _import(database_url: str, options: argparse.Namespace, say: Callable[[str], Any]) -> int:
    path = Path(options.file)
    content = _read(path)
    try:
        file = read_prices(content, _mapping(options))
    except InvalidRequest as error:
        faults = "; ".join(_flag(fault.field, fault.detail) for fault in error.errors)
        raise SetupError(f"{path}: {faults}") from None
    with _database(database_url, write=True) as connection:
        imported = import_file(
            connection,
            options.source,
            file,
            content,
            file_name=path.name,
            now_ns=time.time_ns(),
            imported_by=None,
        )
    for line in told(imported):
        say(line)
    return 1 if imported.rejects else 0


def told(imported: Imported) -> Iterator[str]:
    """What became of the file: each line that became no price, then the sums."""
    for each in imported.rejects:
        field = f" {each.field}" if each.field else ""
        yield f"{imported.file_name}:{each.line}:{field} {each.reason}: {each.detail}: {each.text}"
    yield (
        f"{imported.source}: {imported.rows:,} lines in {imported.series:,} series: {imported.added:,} added, "
        f"{imported.existing:,} there already, {imported.conflicts:,} in conflict, {imported.rejected:,} unreadable"
    )


def _list(database_url: str, say: Callable[[str], Any]) -> int:
    with _database(database_url, write=False) as connection:
        after: int | None = None
        while True:
            found = series_list(connection, after=after, limit=SERIES_AT_ONCE)
            for each in found[:SERIES_AT_ONCE]:
                say(_line(each))
            if len(found) <= SERIES_AT_ONCE:
                return 0
            after = found[SERIES_AT_ONCE - 1].series_id


def _line(series: SeriesRecord) -> str:
    span = f"{series.first_date} to {series.last_date}" if series.prices else "empty"
    name = f"{series.source} {series.origin}".strip()
    return f"{series.series_id:4} {name}: {series.prices:,} prices in {series.currency}/{series.unit}, {span}"


def _mapping(options: argparse.Namespace) -> Mapping:
    named = {name: getattr(options, name) for name in Mapping.__struct_fields__}
    return Mapping(**named)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAXIMUM_FILE:
            raise SetupError(f"{path}: has more than {MAXIMUM_FILE // 2**20} MiB: import it in parts")
        return path.read_bytes()
    except OSError as error:
        raise SetupError(f"{path}: {error.strerror}") from None


def _flag(field: str | None, detail: str) -> str:
    """A fault by the flag that mends it."""
    return detail if field is None else f"--{field.replace('_', '-')}: {detail}"


@contextmanager
def _database(url: str, *, write: bool) -> Iterator[Connection]:
    """One transaction on a database whose schema is this release's. Raises `DatabaseProblem`."""
    engine = connect(url, read_only=not write)
    try:
        if engine.url.get_backend_name() == "sqlite" and not Path(engine.url.database or "").is_file():
            raise DatabaseUnreachable(f"there is no database {engine.url.database}: start the venue once to make it")
        with engine.begin() as connection:
            if revision_of(connection) != head_revision():
                raise UnknownRevision("the database is of another release: start this release's venue on it once")
            yield connection
    except DBAPIError as error:
        raise unreachable(engine.url, error) from error
    finally:
        engine.dispose()
