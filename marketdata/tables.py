"""The market's public history as tables: instruments and their phases, trades, candles, books, the index.

Every row is a view of journaled events and can be built again from them. Prices are fen per kilogram, quantities and
volumes kilograms, turnover fen, time nanoseconds since 1970 UTC. All integers are 64 bits wide.
"""

from sqlalchemy import JSON, BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, MetaData, Table, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _symbol(*, key: bool = False) -> Column[str]:
    return Column("symbol", Text, ForeignKey("instruments.symbol"), primary_key=key, nullable=False)


def _integer(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _key(name: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


instruments = Table(
    "instruments",
    metadata,
    Column("symbol", Text, primary_key=True),
    _integer("tick_size"),
    _integer("lot_size"),
    _text("mode"),
    _text("phase"),
    Column("reference_price", BigInteger),
    Column("band", BigInteger),
    Column("collar", BigInteger),
    Column("protection", BigInteger),
    Column("cancel_on_halt", Boolean, nullable=False),
    _integer("sequence"),
    CheckConstraint("phase IN ('closed', 'auction', 'continuous', 'halted')", "phase"),
    CheckConstraint("tick_size > 0 AND lot_size > 0", "steps"),
)
"""The definition in force and the phase; `sequence` is that of the last command that changed either."""

trades = Table(
    "trades",
    metadata,
    Column("trade_id", BigInteger, primary_key=True, autoincrement=False),
    _symbol(),
    _integer("price"),
    _integer("quantity"),
    Column("aggressor_side", Text),
    _integer("sequence"),
    _integer("time_ns"),
    Column("busted", Boolean, nullable=False),
    Index(None, "symbol", "trade_id"),
    CheckConstraint("aggressor_side IN ('buy', 'sell')", "aggressor_side"),
    CheckConstraint("price > 0 AND quantity > 0", "size"),
)
"""The tape; `aggressor_side` is null for an auction's trades."""

candles = Table(
    "candles",
    metadata,
    _symbol(key=True),
    Column("interval", Text, primary_key=True),
    Column("start_ns", BigInteger, primary_key=True, autoincrement=False),
    _integer("open"),
    _integer("high"),
    _integer("low"),
    _integer("close"),
    _integer("volume"),
    _integer("turnover_fen"),
    CheckConstraint("interval IN ('1m', '5m', '15m', '1h', '1d', '1w')", "interval"),
    CheckConstraint("low > 0 AND low <= open AND low <= close AND open <= high AND close <= high", "prices"),
    CheckConstraint("volume >= 0 AND turnover_fen >= 0", "sums"),
)
"""One row an instrument, interval and start; an interval without a trade has none."""

phase_changes = Table(
    "phase_changes",
    metadata,
    _symbol(key=True),
    _key("sequence"),
    _key("position"),
    _text("phase"),
    Column("dark", Boolean, nullable=False),
    _integer("time_ns"),
    CheckConstraint("phase IN ('closed', 'auction', 'continuous', 'halted')", "phase"),
)
"""Every phase that an instrument has entered, its first one too; `position` counts from 1 where a command led through
several. `dark`: from then on the book is not shown, as an auction collects or stands halted."""

levels = Table(
    "levels",
    metadata,
    _symbol(key=True),
    Column("side", Text, primary_key=True),
    _key("price"),
    _integer("quantity"),
    _integer("orders"),
    CheckConstraint("side IN ('buy', 'sell')", "side"),
    CheckConstraint("price > 0", "price"),
    CheckConstraint("(quantity > 0 AND orders > 0) OR (quantity = 0 AND orders = 0)", "size"),
    sqlite_with_rowid=False,
)
"""What stands at each price that an order has ever been displayed at, shown to readers or collected by an auction.

Levels that are empty stay: they are the prices at which a book of the past is looked for."""

level_changes = Table(
    "level_changes",
    metadata,
    Column("symbol", Text, primary_key=True),
    _key("sequence"),
    Column("side", Text, primary_key=True),
    _key("price"),
    _integer("quantity"),
    _integer("orders"),
    _integer("time_ns"),
    Index(None, "symbol", "side", "price", "sequence", "quantity", "orders"),
    CheckConstraint("side IN ('buy', 'sell')", "side"),
    CheckConstraint("(quantity > 0 AND orders > 0) OR (quantity = 0 AND orders = 0)", "size"),
    sqlite_with_rowid=False,
)
"""What readers of the book have seen of each level, change by change: quantity 0 where it went, also where the whole
book went dark. A book of the past is, for each price, the last row at or before its sequence.

No foreign keys: as many rows as orders come here, and each would be looked for in another table; `levels` has them."""

moments = Table(
    "moments",
    metadata,
    _key("sequence"),
    _integer("time_ns"),
    Index(None, "time_ns", "sequence"),
)
"""The last sequence and the time of each committed batch: what joins times to sequences."""

symbol_days = Table(
    "symbol_days",
    metadata,
    _key("day"),
    _symbol(key=True),
    _integer("volume"),
    _integer("turnover_fen"),
    _integer("trades"),
    CheckConstraint("volume >= 0 AND turnover_fen >= 0 AND trades >= 0", "sums"),
)
"""What traded on a day of Asia/Shanghai, counted from 1970-01-01, without what was taken back; zeros where that was
all. What the index is reckoned of."""

index_days = Table(
    "index_days",
    metadata,
    Column("code", Text, primary_key=True),
    _key("day"),
    _integer("value"),
    Column("carried", Boolean, nullable=False),
    _integer("joined"),
    Column("constituents", JSON, nullable=False),
    Index(None, "day", "code"),
    CheckConstraint("value >= 0 AND joined >= 0", "value"),
)
"""The index by code and trading day (`marketdata.index`): the newest day's values are provisional. `joined` is how many
days before it a variety's price is made of too. `constituents` are `[[code or symbol, kilograms, price], …]`."""
