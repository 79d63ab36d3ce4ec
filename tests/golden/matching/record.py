"""Record a golden tape: run once for a release and a name, never to make a failing test pass.

    python -m tests.golden.matching.record NAME

Several seeded tapes in a row, each over instruments of its own, so that one file reaches nearly every command, event
and reason that the writer of tests/strategies.py knows. `all` is of books; `offers` is of the modes without one.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from matching import Market
from matching.messages import AdvanceTime, Command
from tests.strategies import SYMBOLS, from_seed

HERE = Path(__file__).resolve().parent
TAPES = 10


def main(name: str) -> int:
    if (HERE / f"{name}.commands.jsonl").exists():
        print(f"{name} is recorded: a golden tape is never recorded again", file=sys.stderr)
        return 1
    encoder = msgspec.json.Encoder()
    decode = msgspec.json.Decoder(Command).decode
    market = Market()
    commands: list[Command] = []
    events = []
    seeds = [seed for seed in range(100) if from_seed(seed).offers == (name == "offers")]
    for seed in seeds[:TAPES]:
        writer = from_seed(seed)
        writer.now = market.now_ns
        for number in range(200):
            command = writer.opening(SYMBOLS[number]) if number < len(SYMBOLS) else writer.command(View(market, seed))
            if getattr(command, "symbol", None) in SYMBOLS:
                command = replace(command, symbol=f"{command.symbol}-{seed}")
            if isinstance(command, AdvanceTime):
                command = replace(command, time_ns=max(command.time_ns, market.now_ns - 1))
            try:
                decode(encoder.encode(command))
            except msgspec.ValidationError:
                continue  # An integer that no console line can carry.
            commands.append(command)
            events.extend(market.apply(command))
    (HERE / f"{name}.commands.jsonl").write_bytes(encoder.encode_lines(commands))
    (HERE / f"{name}.events.jsonl").write_bytes(encoder.encode_lines(events))
    (HERE / f"{name}.state.sha256").write_text(hashlib.sha256(market.snapshot()).hexdigest() + "\n")
    return 0


class View:
    """The market as a writer of tape number `seed` sees it: the symbols of that tape without its number."""

    def __init__(self, market: Market, seed: int) -> None:
        self.market = market
        self.seed = seed

    def instrument(self, symbol: str) -> Any:
        return self.market.instrument(f"{symbol}-{self.seed}")

    def orders(self) -> Any:
        return (view for view in self.market.orders() if view.symbol.endswith(f"-{self.seed}"))

    def listings(self, symbol: str) -> Any:
        return self.market.listings(f"{symbol}-{self.seed}")

    def counters(self, listing_id: int) -> Any:
        return self.market.counters(listing_id)

    def auctions(self, symbol: str) -> Any:
        return self.market.auctions(f"{symbol}-{self.seed}")

    def reports_of(self, participant_id: int) -> Any:
        return [view for view in self.market.reports_of(participant_id) if view.symbol.endswith(f"-{self.seed}")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
