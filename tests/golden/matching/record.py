"""Record the golden tape: run once for a release, never to make a failing test pass.

    python -m tests.golden.matching.record

Several seeded tapes in a row, each over instruments of its own, so that one file reaches nearly every command, event
and reason that the writer of tests/strategies.py knows.
"""

import hashlib
from pathlib import Path

import msgspec
from msgspec.structs import replace

from matching import Market
from matching.messages import AdvanceTime, Command, DefineInstrument, MassCancel, PlaceOrder, SetPhase
from tests.strategies import SYMBOLS, from_seed

HERE = Path(__file__).resolve().parent


def main() -> None:
    encoder = msgspec.json.Encoder()
    decode = msgspec.json.Decoder(Command).decode
    market = Market()
    commands: list[Command] = []
    events = []
    for seed in range(10):
        writer = from_seed(seed)
        writer.now = market.now_ns
        for number in range(200):
            command = writer.opening(SYMBOLS[number]) if number < len(SYMBOLS) else writer.command(View(market, seed))
            if isinstance(command, DefineInstrument | PlaceOrder | SetPhase | MassCancel) and command.symbol in SYMBOLS:
                command = replace(command, symbol=f"{command.symbol}-{seed}")
            if isinstance(command, AdvanceTime):
                command = replace(command, time_ns=max(command.time_ns, market.now_ns - 1))
            try:
                decode(encoder.encode(command))
            except msgspec.ValidationError:
                continue  # An integer that no console line can carry.
            commands.append(command)
            events.extend(market.apply(command))
    (HERE / "all.commands.jsonl").write_bytes(encoder.encode_lines(commands))
    (HERE / "all.events.jsonl").write_bytes(encoder.encode_lines(events))
    (HERE / "all.state.sha256").write_text(hashlib.sha256(market.snapshot()).hexdigest() + "\n")


class View:
    """The market as a writer of tape number `seed` sees it: the symbols of that tape without its number."""

    def __init__(self, market: Market, seed: int) -> None:
        self.market = market
        self.seed = seed

    def instrument(self, symbol: str) -> object:
        return self.market.instrument(f"{symbol}-{self.seed}")

    def orders(self) -> object:
        return (view for view in self.market.orders() if view.symbol.endswith(f"-{self.seed}"))


if __name__ == "__main__":
    main()
