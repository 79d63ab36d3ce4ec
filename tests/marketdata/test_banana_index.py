"""The Suixi banana index: the documented example, thin days, and an index that trades as one that is reckoned whole."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.candles import DAY_NS, SHANGHAI_NS
from marketdata.index import BananaIndex, IndexRules, Quote, TradingDay, date_of, entries, readings

DOCUMENT = Path(__file__).parents[2] / "docs" / "index.md"
BXJ, FJ = "BXJ-1-SX1-26W47", "FJ-E-SX2-26W47"


def day_of(text: str) -> int:
    return date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal()


def rows_of(text: str, columns: str) -> Iterator[list[str]]:
    """The cells of the table that has these columns."""
    table = text[text.index(columns) :].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def test_the_documented_example_is_what_the_index_says() -> None:
    text = DOCUMENT.read_text()
    days: dict[int, TradingDay] = {}
    for day, variety, volume, turnover_fen, trades in rows_of(text, "| day | variety | kg | fen | trades |"):
        number = day_of(day)
        traded = days.setdefault(number, TradingDay(number))
        traded.add(f"{variety}-1-SX1-26W47", int(volume), int(turnover_fen), int(trades))
    said = {
        (date_of(reading.day)): (
            str(reading.value),
            *(str(reading.quotes[variety].price) if variety in reading.quotes else "" for variety in ("BXJ", "FJ")),
            ", ".join(f"{variety} {weight}" for variety, weight in reading.weights.items()),
        )
        for reading in readings(days.values())
    }
    documented = {day: tuple(cells) for day, *cells in rows_of(text, "| day | SXBI | SXBI-BXJ | SXBI-FJ | weights |")}
    assert said == documented
    assert len(re.findall(r"\b[\d,]+ ÷ [\d,]+ =", text)) == 3


def days(*traded: dict[str, tuple[int, int, int]]) -> list[TradingDay]:
    return [TradingDay(20_000 + at, sums) for at, sums in enumerate(traded)]


def test_a_thin_day_is_joined_with_five_days_before_it_and_then_carried() -> None:
    thin = {BXJ: (1_000, 300_000, 1)}
    said = list(readings(days({BXJ: (5_000, 1_400_000, 5)}, thin, {}, {}, {}, {}, {}, thin)))
    assert [reading.quotes["BXJ"] for reading in said] == [
        Quote(28_000, 0, False),
        Quote(28_333, 1, False),  # 1,700,000 over 6,000
        Quote(28_333, 2, False),
        Quote(28_333, 3, False),
        Quote(28_333, 4, False),
        Quote(28_333, 5, False),
        Quote(28_333, 0, True),
        Quote(28_333, 0, True),
    ]
    assert [reading.carried for reading in said] == [False] * 6 + [True] * 2
    assert [reading.value for reading in said] == [100_000] + [101_189] * 7


def test_four_large_trades_are_thin_too() -> None:
    (said,) = readings(days({BXJ: (50_000, 15_000_000, 4)}))
    assert said.quotes == {}
    assert said.value is None
    assert entries(days({BXJ: (50_000, 15_000_000, 4)}), said) == []


def test_a_variety_without_trades_for_twenty_days_has_no_weight() -> None:
    plenty = {BXJ: (10_000, 3_000_000, 10)}
    both = plenty | {FJ: (10_000, 5_000_000, 10)}
    said = list(readings(days(both, *[plenty] * 21)))
    assert said[20].weights == {"BXJ": 200_000, "FJ": 10_000}
    assert said[21].weights == {"BXJ": 200_000}
    assert said[21].quotes["FJ"] == Quote(50_000, 0, True)


def test_constituents_of_the_overall_value_are_varieties_and_of_a_variety_symbols() -> None:
    other = "BXJ-E-SX2-26W46"
    traded = days(
        {BXJ: (6_000, 1_800_000, 6), FJ: (6_000, 3_000_000, 6)}, {BXJ: (2_000, 620_000, 3), other: (1, 310, 1)}
    )
    *_, said = readings(traded)
    assert [(each.code, each.value, each.constituents) for each in entries(traded, said)] == [
        ("SXBI", 100_313, [("SXBI-BXJ", 6_000, 30_250), ("SXBI-FJ", 6_000, 50_000)]),
        ("SXBI-BXJ", 30_250, [(BXJ, 8_000, 30_250), (other, 1, 31_000)]),
        ("SXBI-FJ", 50_000, [(FJ, 6_000, 50_000)]),
    ]


# Trades as they come: days that pass, kilograms at a price of one of three symbols, and how many trades ago was one
# that is taken back.
Steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([BXJ, FJ, "BXJ-2-SX1-26W46"]),
        st.integers(1, 9),
        st.integers(200, 600),
        st.one_of(st.none(), st.integers(1, 4)),
    ),
    max_size=60,
)
RULES = IndexRules(thin_volume=6, thin_trades=2, joined_days=2, weight_days=3)


@settings(max_examples=60)
@given(Steps)
def test_an_index_that_trades_says_what_the_whole_history_says(steps: list[tuple[Any, ...]]) -> None:
    live = BananaIndex(RULES)
    history: dict[int, TradingDay] = {}
    trades: list[tuple[int, str, int, int]] = []
    day = 20_000
    for passed, symbol, quantity, price, bust in steps:
        day += passed
        time_ns = day * DAY_NS - SHANGHAI_NS
        live.add(symbol, time_ns, price, quantity)
        history.setdefault(day, TradingDay(day)).add(symbol, quantity, price * quantity, 1)
        trades.append((day, symbol, price, quantity))
        if bust is not None and len(trades) >= bust and trades[-bust][0] >= sorted(history)[-2:][0]:
            that, symbol, price, quantity = trades.pop(-bust)
            live.take_out(symbol, that * DAY_NS - SHANGHAI_NS, price, quantity)
            history[that].add(symbol, -quantity, -price * quantity, -1)
        whole = list(readings(history.values(), RULES))
        assert [reading for _, reading in live.last(2)] == whole[-2:]
        for of, reading in live.last(2):
            assert entries(of, reading) == entries(list(history.values())[: whole.index(reading) + 1], reading)


def test_a_restored_index_goes_on_as_the_one_it_was_taken_of() -> None:
    live = BananaIndex()
    for day in range(20_000, 20_030):
        for at in range(6):
            live.add(BXJ, day * DAY_NS, 250 + day % 7 + at, 900 + 10 * at)
    restored = BananaIndex.restored(live.state())
    for each in (live, restored):
        each.take_out(BXJ, 20_028 * DAY_NS, 250 + 20_028 % 7, 900)
        each.add(BXJ, 20_030 * DAY_NS, 300, 9_000)
    assert restored.state() == live.state()
