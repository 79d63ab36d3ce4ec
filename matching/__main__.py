"""The console: newline-delimited JSON commands in, newline-delimited JSON events out.

`python -m matching [FILE]` runs the commands of a file, or of standard input, and prints their events;
`python -m matching --book SYMBOL [FILE]` prints the book after the last command instead. A line that is no command
gives an `error` line and processing goes on. Events are written whenever no more input is ready, so a program that
sends one command and waits for its events is never kept waiting.

Exit status: 0, 1 if a line was no command (or `--book` names an unknown symbol), 2 for wrong usage.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

import msgspec

from matching.market import Market
from matching.messages import Command

STANDARD_INPUT: Final = 0

CHUNK_BYTES: Final = 1 << 18
"""How much is read at once, at most."""

MAX_LINE_BYTES: Final = 1 << 20
"""A longer line is answered as an error without being kept, so that memory stays bounded whatever arrives."""


class LineError(msgspec.Struct, frozen=True, tag_field="type", tag="error"):
    """Line `line`, counted from 1, is no command; `detail` says why and names the field."""

    line: int
    detail: str


class LevelLine(msgspec.Struct, frozen=True):
    """One price level of `--book`."""

    side: str
    price: int
    quantity: int
    orders: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments, run the console; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m matching", description="Run market commands, one JSON object a line, and print their events."
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="commands to run (default: standard input)")
    parser.add_argument("--book", metavar="SYMBOL", help="print the book of SYMBOL after the last command, no events")
    chosen = parser.parse_args(arguments)
    try:
        source = STANDARD_INPUT if chosen.file is None else os.open(chosen.file, os.O_RDONLY)
        os.read(source, 0)
    except OSError as error:
        print(f"python -m matching: cannot read {chosen.file or 'standard input'}: {error.strerror}", file=sys.stderr)
        return 2
    try:
        if chosen.book is None:
            return 1 if run(Market(), source, sys.stdout.buffer, sys.stdout.buffer, True) else 0
        return _print_book(source, chosen.book)
    except BrokenPipeError:
        # Whoever read us has gone. Python would complain once more when it flushes at exit: give it nowhere to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def run(market: Market, source: int, output: BinaryIO, errors: BinaryIO, show_events: bool) -> bool:
    """Apply every line that the file descriptor gives; whether one was no command."""
    decode = msgspec.json.Decoder(Command).decode
    encoder = msgspec.json.Encoder()
    encode_lines = encoder.encode_lines
    apply = market.apply
    failed = False
    number = 0
    for lines in _batches(source):
        for line in lines:
            number += 1
            try:
                if line is None:
                    raise msgspec.DecodeError(f"line longer than {MAX_LINE_BYTES} bytes")
                if not line or line.isspace():
                    continue
                command = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                failed = True
                errors.write(encode_lines([LineError(number, _detail(error))]))
            else:
                events = apply(command)
                if show_events:
                    output.write(encode_lines(events))
        errors.flush()
        output.flush()
    return failed


def _detail(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error)


def _batches(source: int) -> Iterator[list[bytes | None]]:
    """The lines that are ready, again and again until the end of input; None for one that is too long."""
    begun: list[bytes] = []
    length = 0
    while chunk := os.read(source, CHUNK_BYTES):
        first, *others = chunk.split(b"\n")
        length += len(first)
        # Of a line that is too long only the length is remembered.
        if length <= MAX_LINE_BYTES:
            begun.append(first)
        else:
            begun.clear()
        if others:
            last = others.pop()
            yield [b"".join(begun) if length <= MAX_LINE_BYTES else None, *others]
            begun = [last]
            length = len(last)
    if length:
        yield [b"".join(begun) if length <= MAX_LINE_BYTES else None]


def _print_book(source: int, symbol: str) -> int:
    market = Market()
    failed = run(market, source, sys.stdout.buffer, sys.stderr.buffer, False)
    if market.instrument(symbol) is None:
        print(f"python -m matching: no instrument {symbol}", file=sys.stderr)
        return 1
    encode_lines = msgspec.json.Encoder().encode_lines
    for side in ("buy", "sell"):
        levels = [LevelLine(side, *level) for level in market.levels(symbol, side)]
        sys.stdout.buffer.write(encode_lines(levels))
    sys.stdout.buffer.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
