"""The screen of `exchange tail`, drawn as text and compared whole."""

import io
from typing import Any

import pytest
from rich.console import Console

from exchange.tail.screen import Screen
from exchange.tail.words import Language, Words, change, clock, language_of, points, yuan
from marketdata.client import Book
from marketdata.messages import (
    AuctionMessage,
    BookMessage,
    IndexMessage,
    StatusMessage,
    TickerMessage,
    Trade,
    TradesMessage,
)
from tests.marketdata.feed_reader import NOON_NS, checksum_of

SYMBOLS = ["BXJ-1-SX1-26W46", "BXJ-1-SX1-26W47", "FJ-1-SX1-26W47"]


def head(symbol: str, channel: str) -> dict[str, Any]:
    return {
        "channel": channel,
        "symbol": symbol,
        "kind": "snapshot",
        "sequence": 9,
        "previous": None,
        "time_ns": NOON_NS,
    }


def ticker(symbol: str, last: int, before: int | None) -> TickerMessage:
    return TickerMessage(
        **head(symbol, "ticker"),
        bid=(last - 1, 100),
        ask=(last + 1, 100),
        last=last,
        open=last - 3,
        high=last + 2,
        low=last - 4,
        previous_close=before,
        volume=12_340,
        turnover_fen=12_340 * last,
        vwap=last,
    )


def trade(number: int, side: Any, *, busted: bool = False) -> Trade:
    return Trade(
        trade_id=number,
        price=249 + number,
        quantity=1_000 * number,
        aggressor_side=side,
        time_ns=NOON_NS,
        busted=busted,
    )


def market(language: Language = "zh") -> Screen:
    """Three instruments; the second is shown, with a book, three trades and an index."""
    screen = Screen(SYMBOLS, Words(language))
    screen.choose(SYMBOLS[1])
    for message in (
        ticker(SYMBOLS[0], 240, 240),
        ticker(SYMBOLS[1], 250, 245),
        ticker(SYMBOLS[2], 300, 310),
        TradesMessage(
            **head(SYMBOLS[1], "trades"), trades=[trade(1, "buy"), trade(2, "sell"), trade(3, None), trade(4, "buy")]
        ),
        TradesMessage(**head(SYMBOLS[1], "trades") | {"kind": "delta"}, trades=[trade(2, "sell", busted=True)]),
        StatusMessage(**head(SYMBOLS[1], "status"), phase="continuous", reason=None),
        IndexMessage(
            **head("SXBI", "index"), value=100_235, date="2026-11-19", constituents=[], final=False, carried=False
        ),
    ):
        screen.take(message)
    bids, asks = {249: (1_000, 3), 248: (250, 1)}, {251: (500, 2), 253: (20, 1)}
    book = Book(SYMBOLS[1])
    assert book.apply(
        BookMessage(
            **head(SYMBOLS[1], "book"),
            depth=25,
            bids=[(249, 1_000, 3), (248, 250, 1)],
            asks=[(251, 500, 2), (253, 20, 1)],
            checksum=checksum_of(bids, asks),
        )
    )
    screen.book = book
    return screen


def drawn(screen: Screen, width: int, height: int) -> str:
    console = Console(width=width, height=height, file=io.StringIO(), record=True, force_terminal=True)
    console.print(screen.draw(width, height), height=height)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


def test_a_wide_screen_in_chinese() -> None:
    assert drawn(market(), 140, 13) == WIDE_IN_CHINESE


def test_a_narrower_screen_in_english_leaves_the_instruments_out() -> None:
    assert drawn(market("en"), 80, 13) == NARROW_IN_ENGLISH


def test_a_very_narrow_screen_has_the_book_alone() -> None:
    lines = drawn(market("en"), 40, 13).splitlines()
    assert lines[1].startswith("╭─ Book BXJ-1-SX1-26W47")
    assert not any("Trades" in line for line in lines)


@pytest.mark.parametrize(("width", "height"), [(35, 40), (200, 11)])
def test_a_screen_that_is_too_small_says_so(width: int, height: int) -> None:
    assert drawn(market("en"), width, height).strip() == "window too small"


@pytest.mark.parametrize(("width", "height"), [(36, 12), (72, 20), (140, 30), (300, 100)])
def test_nothing_is_wider_or_higher_than_the_terminal(width: int, height: int) -> None:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True, color_system=None)
    lines = console.render_lines(market().draw(width, height), console.options.update(height=height))
    assert len(lines) == height
    assert {sum(segment.cell_length for segment in line) for line in lines} == {width}


def test_an_auction_shows_no_book_but_what_it_would_come_to() -> None:
    screen = market("en")
    screen.take(StatusMessage(**head(SYMBOLS[1], "status"), phase="auction", reason="collar"))
    assert "nothing crosses yet" in drawn(screen, 80, 13)
    screen.take(AuctionMessage(**head(SYMBOLS[1], "auction"), price=250, quantity=1_200, surplus=-300))
    shown = drawn(screen, 80, 13)
    assert "call auction (collar)" in shown
    assert "indicative price  2.50" in shown
    assert "surplus kg  -300" in shown
    assert "2.49" not in shown, "the best bid"


def test_a_lost_connection_and_what_was_repaired_are_said() -> None:
    screen = market("en")
    screen.online = False
    screen.gaps, screen.bad_checksums = 2, 1
    shown = drawn(screen, 140, 13)
    assert "○ connection lost, trying again · this is as it was before" in shown
    assert "○ Book BXJ-1-SX1-26W47" in shown
    assert shown.splitlines()[-1].endswith("gaps 2  wrong checksums 1")


def test_choosing_goes_round_and_forgets_the_other_one() -> None:
    screen = market("en")
    assert (screen.beside(1), screen.beside(-1), screen.beside(2)) == (SYMBOLS[2], SYMBOLS[0], SYMBOLS[0])
    screen.choose(SYMBOLS[2])
    shown = drawn(screen, 120, 13)
    assert "waiting for data…" in shown
    assert "no trades yet" in shown
    screen.take(TradesMessage(**head(SYMBOLS[1], "trades"), trades=[trade(9, "buy")]))
    assert "no trades yet" in drawn(screen, 120, 13), "late words of the one that was left"


def test_only_the_last_trades_are_kept() -> None:
    screen = market("en")
    for number in range(10, 700):
        message = TradesMessage(**head(SYMBOLS[1], "trades") | {"kind": "delta"}, trades=[trade(number, "buy")])
        screen.take(message)
    assert len(screen._trades) == len(screen._order) == 200


def test_red_rises_in_chinese_and_falls_in_english() -> None:
    assert (Words("zh").up, Words("zh").down) == ("red", "green")
    assert (Words("en").up, Words("en").down) == ("green", "red")


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "zh"),
        ({"LANG": "C.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "de_DE"}, "en"),
        ({"LANG": "de_DE", "LC_MESSAGES": "zh_TW"}, "zh"),
    ],
)
def test_the_language_is_that_of_the_locale(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_numbers() -> None:
    assert [yuan(fen) for fen in (None, 0, 5, 250, 12_345)] == ["–", "0.00", "0.05", "2.50", "123.45"]
    assert change(250, 245) == ("▲0.05 2.0%", 1)
    assert change(300, 310) == ("▼0.10 3.2%", -1)
    assert change(240, 240) == ("=0.00 0.0%", 0)
    assert change(None, 240) == ("–", 0)
    assert clock(NOON_NS) == "12:00:00"
    assert points(100_235) == "1002.35"


WIDE_IN_CHINESE = """\
遂溪香蕉国际交易中心  BXJ-1-SX1-26W47  连续竞价  香蕉指数 1002.35                                                         12:00:00  ● 已连接
╭─ 品种 · 元/公斤 ───────────────────────────────────────────────╮╭─ 盘口 BXJ-1-SX1-26W47 · 元/公斤 ─╮╭─ 成交 · 元/公斤 ───────────────────╮
│ 代码                   最新         涨跌  买一  卖一 成交 公斤 ││    委托    公斤        价格      ││ 时间         价格   公斤 方向      │
│   BXJ-1-SX1-26W46      2.40   =0.00 0.0%  2.39  2.41    12,340 ││                                  ││ 12:00:00     2.53  4,000 ▲ 买      │
│ ▸ BXJ-1-SX1-26W47      2.50   ▲0.05 2.0%  2.49  2.51    12,340 ││       1      20        2.53 ━    ││ 12:00:00     2.52  3,000 ◆ 竞价    │
│   FJ-1-SX1-26W47       3.00   ▼0.10 3.2%  2.99  3.01    12,340 ││       2     500        2.51 ━━   ││ 12:00:00     2.51  2,000 × 已撤销  │
│                                                                ││                   价差 0.02      ││ 12:00:00     2.50  1,000 ▲ 买      │
│                                                                ││       3   1,000        2.49 ━━━━ ││                                    │
│                                                                ││       1     250        2.48 ━    ││                                    │
│                                                                ││                                  ││                                    │
│                                                                ││   高 2.52  低 2.46  均价 2.50    ││                                    │
╰────────────────────────────────────────────────────────────────╯╰──────────────────────────────────╯╰────────────────────────────────────╯
↑↓ 选择   q 退出                                                                                                                      缺口 0"""  # noqa: E501

NARROW_IN_ENGLISH = """\
BXJ-1-SX1-26W47  continuous  Banana index 1002.35          12:00:00  ● connected
╭─ Book BXJ-1-SX1-26W47 · yuan/kg ───────╮╭─ Trades · yuan/kg ─────────────────╮
│  Orders      kg       Price            ││ Time        Price     kg Side      │
│                                        ││ 12:00:00     2.53  4,000 ▲ buy     │
│       1      20        2.53 ━          ││ 12:00:00     2.52  3,000 ◆ auction │
│       2     500        2.51 ━━━━━      ││ 12:00:00     2.51  2,000 × busted  │
│                 spread 0.02            ││ 12:00:00     2.50  1,000 ▲ buy     │
│       3   1,000        2.49 ━━━━━━━━━━ ││                                    │
│       1     250        2.48 ━━         ││                                    │
│                                        ││                                    │
│     high 2.52  low 2.46  VWAP 2.50     ││                                    │
╰────────────────────────────────────────╯╰────────────────────────────────────╯
↑↓ choose   q quit                                                        gaps 0"""
