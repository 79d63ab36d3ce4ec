"""People in the simulation: those who send commands and do not rest before they know what became of them, and those
who read the feed.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, Final

from msgspec import Struct
from websockets.exceptions import InvalidHandshake

from exchange.protocol import Command
from marketdata.client import Disconnected, FeedClient, FeedError
from marketdata.client import Refused as FeedRefused
from marketdata.messages import AccountMessage, AccountSnapshot, BookMessage, DataMessage, TradesMessage
from matching.messages import CancelOrder
from settlement.messages import EnterOffer, EnterOrder
from tests.simulation.loop import Process, VirtualLoop
from tests.simulation.model import Model, Violation
from tests.simulation.network import Line, Network, Socket
from tests.simulation.venue import Answer, Refused, Venue

PATIENCE_S: Final = (0.2, 2.0)
"""How long an answer is awaited before the request is sent again, or given up."""

IDEMPOTENT: Final = (EnterOrder, *EnterOffer.__args__, CancelOrder)
"""May be sent again for as long as it takes."""


class Letter(Struct):
    """A command on its way, and what its sender knows of it."""

    command: Command
    sent: int = 0
    answer: Answer | None = None


class Sender:
    """Somebody with a program that sends commands and tries again: `draw` says what, `venue` to whom."""

    def __init__(
        self,
        loop: VirtualLoop,
        process: Process,
        network: Network,
        chance: Random,
        draw: Callable[[], Command],
        venue: Callable[[], Venue | None],
        heard: Callable[[Command, Answer], None],
        fired: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._process = process
        self._network = network
        self._chance = chance
        self._draw = draw
        self._venue = venue
        self._heard = heard
        self._fired = fired
        self.persistent = True
        self.sent = 0

    async def work(self, commands: int, pause_s: float) -> None:
        """Send so many, some of them without waiting for the answer to the one before."""
        under_way: list[asyncio.Task[None]] = []
        for _ in range(commands):
            await asyncio.sleep(self._chance.expovariate(1 / pause_s))
            work = self.deliver(self._draw())
            if self._chance.random() < 0.3:
                under_way.append(self._loop.spawn(self._process, work))
            else:
                await work
        for task in under_way:
            await task

    async def flood(self, commands: list[Command]) -> None:
        """All at once."""
        await asyncio.gather(*(self.deliver(command) for command in commands))

    async def deliver(self, command: Command) -> None:
        letter = Letter(command)
        pause_s = 0.05
        while True:
            answer = await self._ask(letter)
            if isinstance(answer, Refused):
                if not answer.unknown and answer.code not in ("busy", "database_behind"):
                    return
            elif answer is not None:
                return
            # Busy, halted, or no answer: it may have been done or not.
            if not isinstance(command, IDEMPOTENT):
                again = isinstance(answer, Refused) and not answer.unknown
                if not again and self._chance.random() < 0.8:
                    return
            self._fired("client: tries again")
            await asyncio.sleep(pause_s * self._chance.uniform(0.5, 1.0))
            pause_s = min(1.0, 2 * pause_s)

    async def _ask(self, letter: Letter) -> Answer | None:
        venue = self._venue()
        letter.sent += 1
        self.sent += 1
        if venue is None or not venue.process.alive:
            await asyncio.sleep(self._chance.uniform(0.001, 0.1))  # connection refused
            return None
        came: asyncio.Future[Answer] = self._loop.create_future()

        def arrive(answer: Answer) -> None:
            self._heard(letter.command, answer)
            if not came.done():
                came.set_result(answer)

        def reply(answer: Answer) -> None:
            self._network.send("answer", venue.process, self._process, lambda: arrive(answer))

        self._network.send("request", self._process, venue.process, lambda: venue.serve(letter.command, reply))
        try:
            async with asyncio.timeout(self._chance.uniform(*PATIENCE_S)):
                return await came
        except TimeoutError:
            return None


class SimulatedClient(FeedClient):
    """The real client of the feed over a line of the simulation."""

    def __init__(self, call: Callable[[], Line], **options: Any) -> None:
        super().__init__("ws://simulated", **options)
        self._call = call

    async def _connect(self) -> Any:
        """Raises `OSError` where nobody listens."""
        await asyncio.sleep(0.001)
        socket: Any = Socket(self._call())
        self._websocket = socket
        self.connections += 1
        return socket


class Watcher:
    """Holds every message that a reader has taken in against the model, as it comes."""

    def __init__(self, client: FeedClient, model: Model, depth: int | None, fail: Callable[[Exception], None]) -> None:
        self._fail = fail
        self._reader = client
        self._model = model
        self._depth = depth
        self.last: dict[tuple[str, str | None], int] = {}
        self.orders: dict[int, Any] = {}
        self.balances: dict[str, Any] = {}
        self.messages = 0

    def offer(self, message: DataMessage) -> None:
        try:
            self._judge(message)
        except Exception as error:
            self._fail(error)

    def judge_repairs(self) -> None:
        """A client helps itself by a snapshot where something is missing; nothing that it was sent may be."""
        client = self._reader
        if client.gaps or client.bad_checksums:
            raise Violation(f"a reader found {client.gaps} gaps and {client.bad_checksums} wrong checksums")

    def _judge(self, message: DataMessage) -> None:
        self.messages += 1
        self.judge_repairs()
        if message.sequence > self._model.sequence:
            raise Violation(f"the feed tells of sequence {message.sequence}, which is not committed: {message}")
        key = (message.channel, message.symbol)
        if isinstance(message, BookMessage):
            self._book(message)
        elif isinstance(message, TradesMessage):
            self._trades(message, self.last.get(key, 0))
        elif isinstance(message, AccountSnapshot):
            self.orders = {order["order_id"]: order for order in message.orders}
            self.balances = {balance["asset"]: balance for balance in message.balances}
        elif isinstance(message, AccountMessage):
            if message.order is not None:
                self.orders[message.order["order_id"]] = message.order
            if message.balance is not None:
                self.balances[message.balance["asset"]] = message.balance
        self.last[key] = message.sequence

    def refuse(self, channel: str, symbol: str | None, refusal: FeedError) -> None:
        """An instrument is never taken away; an account that is no longer shown is missed in the end."""

    def end(self) -> None:
        """The reader settles on what he has."""

    def _book(self, message: BookMessage) -> None:
        assert message.symbol is not None
        book = self._reader.books[message.symbol]
        true = self._model.book(message.symbol, message.sequence)
        if true is None:
            raise Violation(f"a book of {message.symbol} before it was defined")
        seen = (tuple(map(tuple, book.bids())), tuple(map(tuple, book.asks())))
        wanted = (true.bids[: self._depth], true.asks[: self._depth])
        if seen != wanted:
            raise Violation(f"{message.symbol} at {message.sequence}: the reader holds {seen}, the book is {wanted}")

    def _trades(self, message: TradesMessage, previous: int) -> None:
        assert message.symbol is not None
        told = [trade.trade_id for trade in message.trades]
        trades = self._model.instruments[message.symbol].trades
        if message.kind == "delta":
            wanted = [number for number, sequence in trades if previous < sequence <= message.sequence]
        else:
            executed = {number: None for number, sequence in trades if sequence <= message.sequence}
            wanted = list(executed)[-50:]
        if told != wanted:
            raise Violation(f"{message.symbol} at {message.sequence}: the trades {told} are told of {wanted}")


class Reader:
    """Somebody who reads the feed; with a token he has his account shown."""

    def __init__(
        self,
        loop: VirtualLoop,
        process: Process,
        network: Network,
        chance: Random,
        model: Model,
        venue: Callable[[], Venue | None],
        fired: Callable[[str], None],
        participant_id: int | None,
    ) -> None:
        self.process = process
        self.participant_id = participant_id
        self.bytes_a_second = chance.choice((1e6, 1e6, 1e5))
        self.lane = chance.choice((None, None, None, 10, 4))
        self.depth = chance.choice((25, 100, None))
        self.encoding: Any = chance.choice(("json", "msgpack"))
        self._loop = loop
        self._network = network
        self._chance = chance
        self._model = model
        self._venue = venue
        self._fired = fired
        self.line: Line | None = None
        self.client = self._make()
        self.watcher = Watcher(self.client, model, self.depth, loop.fail)
        self.client.listeners[self.watcher] = None
        self.channels: dict[tuple[str, str | None], None] = {}

    def _make(self) -> SimulatedClient:
        token = None if self.participant_id is None else str(self.participant_id)
        return SimulatedClient(self._call, token=token, encoding=self.encoding)

    def _call(self) -> Line:
        venue = self._venue()
        if venue is None or not venue.process.alive:
            raise OSError("connection refused")
        line = self.line = Line(self._network, self.process, venue.process, self.bytes_a_second)
        self._loop.later(venue.process, 0.0005, venue.answer_call, line, self.encoding)
        return line

    async def run(self) -> None:
        """Read what there is, and what is defined later."""
        while True:
            try:
                await self.client.open()
                break
            except (OSError, InvalidHandshake, FeedError, TimeoutError):
                await asyncio.sleep(self._chance.uniform(0.1, 0.5))
                self.client = self._make()
                self.client.listeners[self.watcher] = None
                self.watcher._reader = self.client
        if self.participant_id is not None:
            await self._subscribe("account", [])
        while True:
            for symbol in list(self._model.instruments):
                for channel in ("book", "trades"):
                    if (channel, symbol) not in self.channels:
                        await self._subscribe(channel, [symbol])
            await asyncio.sleep(self._chance.uniform(0.2, 1.0))

    async def _subscribe(self, channel: str, symbols: list[str]) -> None:
        try:
            options: dict[str, Any] = {"depth": self.depth} if channel == "book" else {}
            await self.client.subscribe(channel, symbols, rate=self.lane, **options)
        except (FeedRefused, Disconnected, TimeoutError):
            # Before the venue knew it, or without an answer: the client asks for it again with the next connection.
            self._forget(channel, symbols)
            return
        self.channels[channel, symbols[0] if symbols else None] = None

    def _forget(self, channel: str, symbols: list[str]) -> None:
        if not symbols:
            self.channels.pop((channel, None), None)

    def settled(self) -> str | None:
        """What this reader does not know yet, at the end of it all; none: everything."""
        client, model = self.client, self._model
        if not client.online:
            return "offline"
        for symbol, instrument in model.instruments.items():
            if ("book", symbol) not in self.channels or ("trades", symbol) not in self.channels:
                return f"not subscribed to {symbol}"
            book, true = client.books.get(symbol), instrument.books[-1]
            if book is None or (tuple(map(tuple, book.bids())), tuple(map(tuple, book.asks()))) != (
                true.bids[: self.depth],
                true.asks[: self.depth],
            ):
                return f"another book of {symbol}"
            told = instrument.trades[-1][1] if instrument.trades else 0
            if self.watcher.last.get(("trades", symbol), 0) < told:
                return f"not all trades of {symbol}"
        return None if self.participant_id is None else self._account()

    def _account(self) -> str | None:
        assert self.participant_id is not None
        engine = self._model.engine
        live = {order.order_id: order for order in engine.live_orders(self.participant_id)}
        held = {
            number: order
            for number, order in self.watcher.orders.items()
            if order["status"] in ("accepted", "resting", "partly_filled")
        }
        if held.keys() != live.keys():
            return f"orders {sorted(held)} instead of {sorted(live)}"
        for number, report in live.items():
            if held[number]["remaining"] != report.remaining or held[number]["sequence"] != report.sequence:
                return f"another order {number}"
        for balance in engine.balances(self.participant_id):
            told = self.watcher.balances.get(balance.asset, {"total": 0, "reserved": 0})
            if (told["total"], told["reserved"]) != (balance.total, balance.reserved):
                return f"another balance of {balance.asset}: {told}, {balance}"
        return None
