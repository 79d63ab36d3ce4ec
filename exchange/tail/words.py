"""What the screen says, in Chinese and in English, and how it writes numbers.

Chinese unless the locale names another language; in Chinese red is up and bids are red, in English the reverse. Colours
are the terminal's own sixteen, which its owner has made readable, and never say anything alone.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, Literal

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")

SHANGHAI: Final = timezone(timedelta(hours=8))

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "title": ("遂溪香蕉国际交易中心", "Suixi Banana Exchange"),
    "instruments": ("品种", "Instruments"),
    "book": ("盘口", "Book"),
    "trades": ("成交", "Trades"),
    "symbol": ("代码", "Symbol"),
    "unit": ("元/公斤", "yuan/kg"),
    "last": ("最新", "Last"),
    "change": ("涨跌", "Change"),
    "bid": ("买一", "Bid"),
    "ask": ("卖一", "Ask"),
    "volume": ("成交 公斤", "Volume kg"),
    "price": ("价格", "Price"),
    "quantity": ("公斤", "kg"),
    "orders": ("委托", "Orders"),
    "time": ("时间", "Time"),
    "side": ("方向", "Side"),
    "buy": ("买", "buy"),
    "sell": ("卖", "sell"),
    "uncross": ("竞价", "auction"),
    "busted": ("已撤销", "busted"),
    "spread": ("价差", "spread"),
    "index": ("香蕉指数", "Banana index"),
    "online": ("已连接", "connected"),
    "offline": ("连接中断，正在重连", "connection lost, trying again"),
    "stale": ("以下为断线前数据", "this is as it was before"),
    "gaps": ("缺口", "gaps"),
    "checksums": ("校验不符", "wrong checksums"),
    "unreadable": ("无法读取", "unreadable"),
    "keys": ("↑↓ 选择   q 退出", "↑↓ choose   q quit"),
    "waiting": ("等待数据…", "waiting for data…"),
    "empty": ("暂无委托", "no orders"),
    "no_trades": ("尚无成交", "no trades yet"),
    "indicative": ("参考价", "indicative price"),
    "surplus": ("未匹配量 公斤", "surplus kg"),
    "nothing_crosses": ("尚无可成交价", "nothing crosses yet"),
    "closed": ("休市", "closed"),
    "auction": ("集合竞价", "call auction"),
    "continuous": ("连续竞价", "continuous"),
    "halted": ("停牌", "halted"),
    "open": ("开", "open"),
    "high": ("高", "high"),
    "low": ("低", "low"),
    "vwap": ("均价", "VWAP"),
    "small": ("窗口太小", "window too small"),
}


class Words:
    """One language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._column = LANGUAGES.index(language)
        self.up, self.down = ("red", "green") if language == "zh" else ("green", "red")

    def __getitem__(self, name: str) -> str:
        return _WORDS[name][self._column]


def language_of(environment: Mapping[str, str] = os.environ) -> Language:
    """That of the locale: `LC_ALL`, else `LC_MESSAGES`, else `LANG`."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            told = value.partition(".")[0].partition("_")[0].lower()
            return "zh" if told in ("zh", "c", "posix") else "en"
    return "zh"


def yuan(fen: int | None) -> str:
    """`2.50`, or a dash."""
    return "–" if fen is None else f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02}"


def change(last: int | None, before: int | None) -> tuple[str, int]:
    """`▲0.05 2.0%` with a sign, and -1, 0 or 1; the percentage is cut to a tenth."""
    if last is None or before is None:
        return "–", 0
    moved = last - before
    sign = (moved > 0) - (moved < 0)
    permille = abs(moved) * 1000 // before if before else 0
    return f"{'▼=▲'[sign + 1]}{yuan(abs(moved))} {permille // 10}.{permille % 10}%", sign


def clock(time_ns: int) -> str:
    """`10:15:30` in Shanghai."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).astimezone(SHANGHAI).strftime("%H:%M:%S")


def points(hundredths: int) -> str:
    """An index value, `1002.35`."""
    return f"{hundredths // 100}.{hundredths % 100:02}"
