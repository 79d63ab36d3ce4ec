"""Exports: a dataset as CSV or Parquet, row by row from the database to a file or a pipe.

    CSV       UTF-8, a header, lines end in CR LF; null is empty, truth is `true` or `false`
    Parquet   integers of 64 bits, texts, booleans; zstd; row groups of 65,536

A column `time_ns` is followed by `time`: in CSV the local time of the venue with its zone, in Parquet a timestamp of
nanoseconds in UTC. The same database and the same program give the same bytes. Memory is that of one row group.
"""

import csv
import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, TextIO

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError

from exchange.database import DatabaseProblem, DatabaseUnreachable, check_schema, connect, unreachable
from exchange.datasets import DATASETS, Dataset, Kind, Unfit, rows_of
from exchange.progress import PIPE_SECONDS, TERMINAL_SECONDS
from exchange.projector import projected_sequence, projection
from settlement.civil import DAY_NS, VENUE_OFFSET_NS, iso_date, venue_day
from web.ports import ExportForm, Wanted

ROWS_AT_ONCE: Final = 65_536
LINES_AT_ONCE: Final = 2_000
SECOND_NS: Final = 1_000_000_000

FORMS: Final[tuple[ExportForm, ...]] = ("csv", "parquet")

_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that begins so for a formula."""

Columns = Sequence[tuple[str, Kind]]


def run_export(
    database_url: str,
    name: str | None,
    form: ExportForm,
    wanted: Wanted,
    out: Path | None,
    stdout: BinaryIO | None = None,
    stderr: TextIO | None = None,
) -> int:
    """`exchange export`: exit status 0, 1 (it broke off) or 2 (it could not begin). Without `out` it goes to standard
    output; a file is there whole or not at all."""
    said = stderr or sys.stderr
    target = stdout or sys.stdout.buffer
    dataset = DATASETS.get(name or "")
    if dataset is None:
        print(f"exchange: there is no dataset {name}: --list names those that there are", file=said)
        return 2
    if out is None and form == "parquet" and target.isatty():
        print("exchange: Parquet is no text for a terminal: name a file with --out", file=said)
        return 2
    counter = Counter(said, name or "")
    try:
        with _opened(database_url) as connection:
            rows = rows_of(dataset, connection, wanted)
            with _written(out, target) as sink:
                export(dataset, rows, form, sink, sequence=projected_sequence(connection), tell=counter.tell)
    except (Unfit, DatabaseProblem) as problem:
        print(f"exchange: {problem}", file=said)
        return 2
    except BrokenPipeError:
        # Whoever read has seen enough. What the interpreter would flush at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except OSError as error:
        print(f"exchange: {out or 'standard output'}: {error.strerror}", file=said)
        return 1 if counter.count else 2
    except DBAPIError as error:
        print(f"exchange: the export broke off: {unreachable(connect(database_url).url, error)}", file=said)
        return 1
    finally:
        counter.end()
    return 0


def export(
    dataset: Dataset,
    rows: Iterable[Sequence[Any]],
    form: ExportForm,
    sink: "Sink",
    *,
    sequence: int = 0,
    tell: Callable[[int], Any] = id,
) -> None:
    """Write all rows; `tell` hears how many are written. `sequence` is what they are true of: Parquet says so."""
    if form == "csv":
        _write_csv(dataset.columns, rows, sink, tell)
    else:
        _write_parquet(dataset.columns, rows, sink, sequence, tell)


class Sink(Protocol):
    def write(self, data: bytes, /) -> Any: ...


class Counter:
    """Says how many rows are written: on a terminal in one line, in a pipe now and then and at the end."""

    def __init__(self, stream: TextIO, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._begun = False
        self._stream = stream
        self._name = name
        self._clock = clock
        self._pause = TERMINAL_SECONDS if stream.isatty() else PIPE_SECONDS
        self._told = clock()

    def tell(self, count: int) -> None:
        self.count, self._begun = count, True
        if self._clock() - self._told >= self._pause:
            self._told = self._clock()
            self._say("\r" if self._stream.isatty() else "", "" if self._stream.isatty() else "\n")

    def end(self) -> None:
        """Nothing is said of what has not begun: another line says why."""
        if self._begun:
            self._say("\r" if self._stream.isatty() else "", "\n")

    def _say(self, before: str, after: str) -> None:
        self._stream.write(f"{before}{self._name}: {self.count:,} rows{after}")
        self._stream.flush()


def readable(name: str) -> str | None:
    """The name of the column that tells a time readable, beside the one that holds it."""
    return name.removesuffix("_ns") if name.endswith("_ns") else None


def local_time(time_ns: int) -> str:
    """As `2026-11-23T10:00:00.000000000+08:00`, the time on the venue's wall."""
    second, nanoseconds = divmod(time_ns, SECOND_NS)
    return f"{_second(second)}.{nanoseconds:09}+08:00"


@lru_cache(8_192)
def _second(second: int) -> str:
    """Kept: rows of one time, or nearly, follow each other, and a date takes longer than all the rest of a row."""
    minutes, seconds = divmod((second * SECOND_NS + VENUE_OFFSET_NS) % DAY_NS // SECOND_NS, 60)
    return f"{iso_date(venue_day(second * SECOND_NS))}T{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"


def safe(text: str) -> str:
    """A text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _write_csv(columns: Columns, rows: Iterable[Sequence[Any]], sink: Sink, tell: Callable[[int], Any]) -> None:
    names: list[str] = []
    cells: list[tuple[int, Callable[[Any], Any] | None]] = []
    for at, (name, kind) in enumerate(columns):
        names.append(name)
        cells.append((at, _CELLS[kind]))
        beside = readable(name)
        if beside is not None:
            names.append(beside)
            cells.append((at, local_time))
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(names)
    count = 0
    tell(count)
    for part in _parts(rows, LINES_AT_ONCE):
        # What is null becomes an empty cell by itself.
        writer.writerows(
            [[row[at] if cell is None or row[at] is None else cell(row[at]) for at, cell in cells] for row in part]
        )
        sink.write(buffer.getvalue().encode())
        buffer.seek(0)
        buffer.truncate()
        count += len(part)
        tell(count)
    sink.write(buffer.getvalue().encode())


def _truth(value: bool) -> str:
    return "true" if value else "false"


_CELLS: Final[Mapping[Kind, Callable[[Any], Any] | None]] = {"text": safe, "boolean": _truth, "integer": None}


def _write_parquet(
    columns: Columns, rows: Iterable[Sequence[Any]], sink: Sink, sequence: int, tell: Callable[[int], Any]
) -> None:
    # Imported here: it takes a fifth of a second, and CSV does without.
    import pyarrow
    import pyarrow.parquet

    kinds = {"integer": pyarrow.int64(), "text": pyarrow.string(), "boolean": pyarrow.bool_()}
    moment = pyarrow.timestamp("ns", tz="UTC")
    fields = []
    for name, kind in columns:
        fields.append(pyarrow.field(name, kinds[kind]))
        beside = readable(name)
        if beside is not None:
            fields.append(pyarrow.field(beside, moment))
    schema = pyarrow.schema(fields, metadata={"sequence": str(sequence)})
    count = 0
    tell(count)
    with pyarrow.parquet.ParquetWriter(
        pyarrow.PythonFile(_Counting(sink), mode="w"), schema, compression="zstd"
    ) as writer:
        for part in _parts(rows, ROWS_AT_ONCE):
            arrays = []
            for at, (name, kind) in enumerate(columns):
                arrays.append(pyarrow.array([row[at] for row in part], kinds[kind]))
                if readable(name) is not None:
                    arrays.append(arrays[-1].cast(moment))
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), row_group_size=ROWS_AT_ONCE)
            count += len(part)
            tell(count)


class _Counting:
    """A pipe that knows how much went through it, which is all that Parquet's writer asks of a file."""

    closed = False

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._written = 0

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._sink.write(part)
        self._written += len(part)
        return len(part)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """What is written is the sink's."""

    def close(self) -> None:
        """The sink is its owner's to close."""


def _parts(rows: Iterable[Sequence[Any]], size: int) -> Iterator[list[Sequence[Any]]]:
    iterator = iter(rows)
    while part := list(islice(iterator, size)):
        yield part


@contextmanager
def _opened(database_url: str) -> Iterator[Connection]:
    """One snapshot of the database. Raises `DatabaseProblem` where it holds nothing of this release's."""
    database = connect(database_url, read_only=True)
    try:
        file = database.url.database
        if database.dialect.name == "sqlite" and not Path(file or "").is_file():
            raise DatabaseUnreachable(f"there is no database {file}: start the venue once to build it from the journal")
        try:
            connection = database.connect()
        except DBAPIError as error:
            raise unreachable(database.url, error) from error
        with connection, connection.begin():
            if not inspect(connection).has_table(projection.name):
                raise DatabaseUnreachable("the database holds no tables of the exchange: start the venue once")
            check_schema(connection)
            yield connection
    finally:
        database.dispose()


@contextmanager
def _written(out: Path | None, stdout: BinaryIO) -> Iterator[BinaryIO]:
    """Where the bytes go: under another name until the last is there."""
    if out is None:
        yield stdout
        stdout.flush()
        return
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
