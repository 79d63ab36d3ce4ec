"""What was traded on each day: by whom and whence, which is nobody else's business, and in all, which is the tape's.

Days are the venue's local days, counted from 1970-01-01; `volume` is kilograms, `turnover_fen` fen. A trade counts on
the day on which it was made, one that led to a contract too; a bust takes it out again, and a row that it leaves
without a kilogram goes.
"""

from sqlalchemy import Column, Table, Text

from settlement.tables.common import identifier, integer, metadata, rule


def _word(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


daily_trading = Table(
    "daily_trading",
    metadata,
    identifier("day"),
    _word("variety"),
    _word("grade"),
    _word("warehouse"),
    _word("town"),
    identifier("seller_id", "participants.participant_id"),
    identifier("buyer_id", "participants.participant_id"),
    integer("volume"),
    integer("turnover_fen"),
    integer("trades"),
    rule("volume", "volume >= 0 AND turnover_fen >= 0 AND trades >= 0"),
    sqlite_with_rowid=False,
)
"""Who sold what of whence to whom. A trade of goods from several towns counts its kilograms and its money with each of
them, and is counted itself where most of it came from. No answer shows a row of it (`web.statistics`)."""

daily_totals = Table(
    "daily_totals",
    metadata,
    identifier("day"),
    _word("variety"),
    _word("grade"),
    _word("warehouse"),
    integer("volume"),
    integer("turnover_fen"),
    integer("trades"),
    rule("volume", "volume >= 0 AND turnover_fen >= 0 AND trades >= 0"),
    sqlite_with_rowid=False,
)
"""The same without people and towns: what the tape adds up to, for everybody to read."""
