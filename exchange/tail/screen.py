"""The market on one screen: instruments, the ladder of one of them, its trades.

    title · instrument · phase · index                                time · connection
    ┌ instruments ───────────────┐┌ ladder ────────────────┐┌ trades ──────────────┐
    │ symbol  last change bid ask ││      sell levels       ││ time price kg side   │
    │                             ││  spread, day's figures ││                      │
    │                             ││      buy levels        ││                      │
    └─────────────────────────────┘└────────────────────────┘└──────────────────────┘
    keys                                                      what was found and repaired

Under 140 columns the instruments are left out, under 72 the trades too. Nothing here reads or writes: messages go in by
`take`, and `draw` says what is to be seen.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from exchange.tail.words import Words, change, clock, points, yuan
from marketdata.client import Book
from marketdata.messages import (
    AuctionMessage,
    DataMessage,
    HeartbeatMessage,
    IndexMessage,
    Level,
    StatusMessage,
    TickerMessage,
    Trade,
    TradesMessage,
)

TRADES: Final = 200
"""Trades kept: more than a screen is high."""

WIDE: Final = 140
MIDDLE: Final = 72
NARROWEST: Final = 36
LOWEST: Final = 12

INSTRUMENTS_WIDTH: Final = 66
TRADES_WIDTH: Final = 38
LONGEST_BAR: Final = 40
BESIDE_BARS: Final = 32
"""Columns of a ladder that are not its bars."""


class Screen:
    """What is to be seen; `focus` is the instrument whose ladder is shown."""

    def __init__(self, symbols: Sequence[str], words: Words) -> None:
        self.symbols = list(symbols)
        self.words = words
        self.focus = self.symbols[0]
        self.book: Book | None = None
        """That of `focus`, once it has come."""
        self.online = True
        self.gaps = 0
        self.bad_checksums = 0
        self.bad_messages = 0
        self._tickers: dict[str, TickerMessage] = {}
        self._trades: dict[int, Trade] = {}
        self._order: deque[int] = deque(maxlen=TRADES)
        self._status: StatusMessage | None = None
        self._auction: AuctionMessage | None = None
        self._index: IndexMessage | None = None
        self._time_ns = 0

    def take(self, message: DataMessage) -> None:
        """Take in a message of any channel; books are kept by the client."""
        self._time_ns = max(self._time_ns, message.time_ns)
        if isinstance(message, TickerMessage):
            assert message.symbol is not None
            self._tickers[message.symbol] = message
        elif isinstance(message, IndexMessage):
            self._index = message
        elif message.symbol != self.focus:
            pass
        elif isinstance(message, TradesMessage):
            if message.kind == "snapshot":
                self._trades.clear()
                self._order.clear()
            for trade in message.trades:
                if trade.trade_id not in self._trades:
                    if len(self._order) == TRADES:
                        del self._trades[self._order[0]]
                    self._order.append(trade.trade_id)
                self._trades[trade.trade_id] = trade
        elif isinstance(message, StatusMessage):
            self._status = message
        elif isinstance(message, AuctionMessage):
            self._auction = message

    def choose(self, symbol: str) -> None:
        """Show the ladder and the trades of another one."""
        self.focus = symbol
        self.book = self._status = self._auction = None
        self._trades.clear()
        self._order.clear()

    def beside(self, steps: int) -> str:
        """The instrument so many lines below the one that is shown, round the ends."""
        return self.symbols[(self.symbols.index(self.focus) + steps) % len(self.symbols)]

    # Drawing

    def draw(self, width: int, height: int) -> RenderableType:
        """All of it, for a terminal of that size."""
        if height < LOWEST or width < NARROWEST:
            return Text(self.words["small"])
        inside = height - 5  # without the lines above and below, two borders and the head of a table
        layout = Layout()
        layout.split_column(Layout(self._head(width), size=1), Layout(name="middle"), Layout(self._foot(), size=1))
        ladder = width - (TRADES_WIDTH if width >= MIDDLE else 0) - (INSTRUMENTS_WIDTH if width >= WIDE else 0)
        parts = [Layout(self._ladder(inside, min(ladder - BESIDE_BARS, LONGEST_BAR)))]
        if width >= WIDE:
            parts.insert(0, Layout(self._instruments(inside), size=INSTRUMENTS_WIDTH))
        if width >= MIDDLE:
            parts.append(Layout(self._tape(inside), size=TRADES_WIDTH))
        layout["middle"].split_row(*parts)
        return layout

    def _head(self, width: int) -> RenderableType:
        words = self.words
        left = Text(no_wrap=True, overflow="ellipsis")
        if width >= WIDE:
            left.append(f"{words['title']}  ", "bold yellow")
        left.append(self.focus, "bold")
        if self._status is not None:
            left.append(f"  {words[self._status.phase]}")
            if self._status.reason:
                left.append(f" ({self._status.reason})", "dim")
        if width >= MIDDLE and self._index is not None and self._index.value is not None:
            left.append(f"  {words['index']} {points(self._index.value)}")
        right = Text(no_wrap=True)
        if self._time_ns:
            right.append(f"{clock(self._time_ns)}  ")
        right.append("● " if self.online else "○ ", "green" if self.online else "bold red")
        right.append(words["online" if self.online else "offline"], "" if self.online else "bold")
        if not self.online and width >= WIDE:
            right.append(f" · {words['stale']}")
        return _ends(left, right)

    def _foot(self) -> RenderableType:
        words = self.words
        found = [
            f"{words[name]} {count}"
            for name, count in (
                ("gaps", self.gaps),
                ("checksums", self.bad_checksums),
                ("unreadable", self.bad_messages),
            )
            if count or name == "gaps"
        ]
        return _ends(Text(words["keys"], "dim"), Text("  ".join(found), "dim" if self._sound else "bold"))

    @property
    def _sound(self) -> bool:
        return not (self.gaps or self.bad_checksums or self.bad_messages)

    def _instruments(self, lines: int) -> RenderableType:
        words = self.words
        table = _table()
        for name, align in (
            ("symbol", "left"),
            ("last", "right"),
            ("change", "right"),
            ("bid", "right"),
            ("ask", "right"),
            ("volume", "right"),
        ):
            table.add_column(words[name], justify=align, no_wrap=True)  # type: ignore[arg-type]
        at = self.symbols.index(self.focus)
        first = max(0, min(at - lines // 2, len(self.symbols) - lines))
        for symbol in self.symbols[first : first + lines]:
            ticker = self._tickers.get(symbol)
            chosen = symbol == self.focus
            label = Text(f"▸ {symbol}" if chosen else f"  {symbol}", "bold" if chosen else "")
            if ticker is None:
                table.add_row(label)
                continue
            moved, sign = change(ticker.last, ticker.previous_close)
            style = (words.down, "", words.up)[sign + 1]
            table.add_row(
                label,
                Text(yuan(ticker.last), style),
                Text(moved, style),
                yuan(ticker.bid[0]) if ticker.bid else "–",
                yuan(ticker.ask[0]) if ticker.ask else "–",
                f"{ticker.volume:,}",
            )
        return self._panel(table, words["instruments"])

    def _ladder(self, lines: int, bar: int) -> RenderableType:
        words = self.words
        content: RenderableType
        if self._status is not None and self._status.phase == "auction":
            content = self._dark()
        elif self.book is None:
            content = Text(words["waiting"], "dim")
        else:
            a_side = max(1, (lines - 2) // 2)
            content = self._levels(self.book.bids(a_side), self.book.asks(a_side), a_side, bar)
        return self._panel(content, f"{words['book']} {self.focus}")

    def _dark(self) -> RenderableType:
        """An auction shows no book, but what it would come to."""
        words, auction = self.words, self._auction
        lines = [Text(words["auction"], "bold yellow"), Text()]
        if auction is None or auction.price is None:
            lines.append(Text(words["nothing_crosses"], "dim"))
        else:
            lines += [
                Text.assemble(f"{words['indicative']}  ", (yuan(auction.price), "bold")),
                Text(f"{words['quantity']}  {auction.quantity:,}"),
                Text(f"{words['surplus']}  {auction.surplus:+,}"),
            ]
        return Group(*lines)

    def _levels(self, bids: list[Level], asks: list[Level], a_side: int, bar: int) -> RenderableType:
        words = self.words
        table = _table()
        for name, least in (("orders", 6), ("quantity", 7), ("price", 11)):
            table.add_column(words[name], justify="right", no_wrap=True, min_width=least)
        table.add_column("", width=bar, no_wrap=True)
        longest = max((quantity for _, quantity, _ in (*bids, *asks)), default=1)
        for _ in range(a_side - len(asks)):
            table.add_row("", "", "", "")
        for level in reversed(asks):
            table.add_row(*_level(level, longest, words.down, bar))
        table.add_row("", "", Text(_spread(bids, asks, words), "dim"), "")
        for level in bids:
            table.add_row(*_level(level, longest, words.up, bar))
        ticker = self._tickers.get(self.focus)
        figures = Text(no_wrap=True, overflow="ellipsis", justify="center")
        if ticker is not None and ticker.open is not None:
            told = [(f"{words[name]} ", yuan(getattr(ticker, name))) for name in ("open", "high", "low", "vwap")]
            while sum(cell_len(name) + len(price) + 2 for name, price in told) > bar + BESIDE_BARS - 2:
                told.pop(0)
            for name, price in told:
                figures.append(name, "dim").append(f"{price}  ")
            figures.rstrip()
        if not bids and not asks:
            return Group(table, Text(words["empty"], "dim", justify="center"))
        # The figures stand below the last line, wherever the book ends.
        for _ in range(a_side - len(bids)):
            table.add_row("", "", "", "")
        return Group(table, figures)

    def _tape(self, lines: int) -> RenderableType:
        words = self.words
        content: RenderableType = Text(words["no_trades"], "dim")
        if self._order:
            table = _table()
            table.add_column(words["time"], no_wrap=True, min_width=8)
            for name in ("price", "quantity"):
                table.add_column(words[name], justify="right", no_wrap=True, min_width=6)
            table.add_column(words["side"], no_wrap=True, min_width=9)
            for trade_id in list(reversed(self._order))[:lines]:
                table.add_row(*self._trade(self._trades[trade_id]))
            content = table
        return self._panel(content, words["trades"])

    def _trade(self, trade: Trade) -> tuple[Text, ...]:
        words = self.words
        if trade.aggressor_side is None:
            style, mark = "", f"◆ {words['uncross']}"
        elif trade.aggressor_side == "buy":
            style, mark = words.up, f"▲ {words['buy']}"
        else:
            style, mark = words.down, f"▼ {words['sell']}"
        if trade.busted:
            style, mark = "dim strike", f"× {words['busted']}"
        return (
            Text(clock(trade.time_ns), "dim"),
            Text(yuan(trade.price), style),
            Text(f"{trade.quantity:,}", "dim strike" if trade.busted else ""),
            Text(mark, style.replace(" strike", "")),
        )

    def _panel(self, content: RenderableType, title: str) -> Panel:
        whole = f"{title} · {self.words['unit']}"
        return Panel(
            content,
            title=Text(whole if self.online else f"○ {whole}", "bold" if self.online else "bold red"),
            title_align="left",
            box=box.ROUNDED,
            border_style="dim",
            padding=(0, 1),
        )


def follows(message: DataMessage) -> bool:
    """Whether something on the screen may have changed by it."""
    return not isinstance(message, HeartbeatMessage)


def _table() -> Table:
    return Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim", show_edge=False, pad_edge=False)


def _ends(left: Text, right: Text) -> Table:
    grid = Table.grid(expand=True)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(left, right)
    return grid


def _level(level: Level, longest: int, style: str, bar: int) -> tuple[Text, ...]:
    price, quantity, orders = level
    length = max(1, quantity * bar // longest)
    return (
        Text(str(orders), "dim"),
        Text(f"{quantity:,}"),
        Text(yuan(price), f"bold {style}"),
        Text("━" * length, style),
    )


def _spread(bids: list[Level], asks: list[Level], words: Words) -> str:
    if not bids or not asks:
        return "–"
    return f"{words['spread']} {yuan(asks[0][0] - bids[0][0])}"
