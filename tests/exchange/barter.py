"""A machine for tests whose events fill every table: each order that is entered trades at once with the house.

A `dull` one works slowly, a `forgetful` one comes to another state than the journal says, a `moody` one to other
events.
"""

import sys
import time
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from exchange.follower import follow
from exchange.journal import seal
from exchange.protocol import Command, Entry, Event
from exchange.replay import run_batch
from exchange.sqlite_journal import SqliteJournal
from matching.messages import DefineInstrument, InstrumentDefined, OrderAccepted, Side, TradeExecuted
from settlement.messages import (
    BalanceChanged,
    EnterOrder,
    ExecutionReport,
    LedgerPosted,
    ParticipantRegistered,
    TradeSettled,
    Transfer,
)

SYMBOLS = ("BXJ-1-SX1-26W47", "FJ-2-SX2-26W48", "NTH-E-SX1-26W47")
HOUSE = 1
SIDES: tuple[Side, ...] = ("sell", "buy")
EVERYONE = tuple(
    ParticipantRegistered(participant_id=number, name=f"p{number}", display_name=f"P {number}", roles=("trader",))
    for number in range(HOUSE, 7)
)
START_NS = 1_795_392_000_000_000_000
SECOND_NS = 1_000_000_000


class Barter:
    def __init__(self, kind: str = "plain") -> None:
        self.kind = kind
        self.sequence = 0
        self.time_ns = 0
        self.trades = 0
        self.volume = 0

    def advance(self, time_ns: int, sequence: int) -> tuple[Event, ...]:
        self.time_ns = time_ns
        return ()

    def execute(self, command: Command, sequence: int, time_ns: int) -> tuple[Event, ...]:
        self.sequence = sequence
        if self.kind == "dull":
            time.sleep(0.01)
        if isinstance(command, DefineInstrument):
            return (*(EVERYONE if sequence == 1 else ()), InstrumentDefined(command.symbol))
        assert isinstance(command, EnterOrder)
        self.trades = trade = self.trades + 1
        self.volume += command.quantity + (self.kind == "forgetful" and sequence % 100 == 99)
        price = (command.price or 250) + (self.kind == "moody" and sequence % 100 == 99)
        amount_fen = price * command.quantity
        buyer, seller = command.participant_id, HOUSE
        order_id = 2 * trade
        reports = tuple(
            ExecutionReport(
                order_id=order_id + (side == "sell"),
                client_order_id=command.client_order_id,
                participant_id=buyer if side == "buy" else seller,
                symbol=command.symbol,
                side=side,
                kind="limit",
                price=price,
                stop_price=None,
                quantity=command.quantity,
                filled=command.quantity,
                remaining=0,
                time_in_force="gtc",
                status="filled",
                reason=None,
                traded_fen=amount_fen,
                fee_fen=0,
                sequence=sequence,
                time_ns=time_ns,
            )
            for side in SIDES
        )
        transfer = Transfer(
            transfer_id=trade,
            asset="CNY",
            debit=f"participant:{buyer}",
            credit=f"participant:{seller}",
            amount=amount_fen,
        )
        return (
            OrderAccepted(order_id, command.symbol),
            TradeExecuted(trade, command.symbol, price, command.quantity, order_id, order_id + 1, "buy"),
            TradeSettled(
                trade_id=trade,
                symbol=command.symbol,
                price=price,
                quantity=command.quantity,
                aggressor_side="buy",
                buy_order_id=order_id,
                sell_order_id=order_id + 1,
                buyer_id=buyer,
                seller_id=seller,
                amount_fen=amount_fen,
                buyer_fee_fen=0,
                seller_fee_fen=0,
                lots=((1, trade, command.quantity),),
            ),
            LedgerPosted(cause="trade", reference_id=trade, transfers=(transfer,)),
            *reports,
            BalanceChanged(participant_id=buyer, asset=command.symbol, total=self.volume, reserved=0),
        )

    def next_deadline_ns(self) -> int | None:
        return None

    def state_hash(self) -> bytes:
        return blake2b(repr((self.sequence, self.trades, self.volume)).encode(), digest_size=32).digest()


class Venue:
    """A journal and the machine that leads it on."""

    def __init__(self, path: Path, venue_id: str = "suixi") -> None:
        self.journal = SqliteJournal(path, venue_id=venue_id, created_ns=1)
        self.machine = Barter()
        self.trade(DefineInstrument(symbol) for symbol in SYMBOLS)

    @property
    def sequence(self) -> int:
        return self.machine.sequence

    def trade(self, commands: Iterable[Command] = (), *, orders: int = 0) -> int:
        """Commit a batch of these commands and so many orders, at a second of its own; returns its last sequence."""
        first = self.machine.sequence + 1
        batch: tuple[Command, ...] = (*commands, *(self._order(first + n) for n in range(orders)))
        time_ns = max(self.machine.time_ns, START_NS) + SECOND_NS
        events = run_batch(self.machine, batch, first, time_ns)
        entry = Entry(first_sequence=first, time_ns=time_ns, commands=batch, events=events)
        self.journal.append(seal(entry, self.journal.tip().chain, self.machine.state_hash()))
        return self.machine.sequence

    def _order(self, number: int) -> EnterOrder:
        return EnterOrder(
            participant_id=2 + number % 5,
            client_order_id=f"c{number}",
            symbol=SYMBOLS[number % len(SYMBOLS)],
            side="buy",
            quantity=1 + number % 7,
            price=200 + number % 90,
        )

    def close(self) -> None:
        self.journal.close()


def main() -> int:
    """A follower with this machine, for a process of its own: JOURNAL, URL and KIND are the process's arguments."""
    journal, url, kind = sys.argv[1:]
    return follow(Path(journal), url, lambda: Barter(kind))
