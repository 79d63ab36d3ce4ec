"""How numbers, times and states read on paper, in both languages."""

from typing import Final

from settlement.civil import DAY_NS, NANOSECONDS, VENUE_OFFSET_NS, iso_date, venue_day
from settlement.messages import ConfigureVenue
from settlement.symbols import parse_symbol
from web.documents.paper import Words
from web.ports import Gateway

NONE: Final = Words("无", "none")
NOT_STATED: Final = Words("未约定", "not agreed")

GRADES: Final = {"E": Words("优等", "Extra"), "1": Words("一等", "class I"), "2": Words("二等", "class II")}
COLOUR_STAGES: Final = {
    1: Words("全青", "all green"),
    2: Words("浅绿", "light green"),
    3: Words("半青", "half green"),
    4: Words("半黄", "half yellow"),
    5: Words("青尖", "green tip"),
    6: Words("全黄", "full yellow"),
    7: Words("有斑点", "flecked"),
}
SIDES: Final = {"buy": Words("买入", "buy"), "sell": Words("卖出", "sell")}
WAYS: Final = {
    "order": Words("订单撮合", "order book"),
    "listing": Words("挂牌", "listing"),
    "take": Words("摘牌", "take of a listing"),
    "counter": Words("还价", "counter-bid"),
    "auction": Words("单向竞价", "one-way auction"),
    "bid": Words("单向竞价应价", "bid in a one-way auction"),
    "report": Words("协议交易", "negotiated trade"),
    "confirmation": Words("协议交易确认", "negotiated trade, confirmed"),
}


def yuan(fen: int) -> str:
    """`1,234.56`."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02}"


def kilograms(grams: int) -> str:
    """`500.700`."""
    sign = "-" if grams < 0 else ""
    return f"{sign}{abs(grams) // 1000:,}.{abs(grams) % 1000:03}"


def permille(value: int) -> str:
    """`0.5 %`, from 5 ‰."""
    return f"{value // 10}.{value % 10} %" if value % 10 else f"{value // 10} %"


def moment(time_ns: int) -> str:
    """`2026-11-23 10:00:00`, on the venue's wall."""
    seconds = (time_ns + VENUE_OFFSET_NS) % DAY_NS // NANOSECONDS
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{iso_date(venue_day(time_ns))} {clock}"


def day(time_ns: int) -> str:
    """`2026-11-23`, on the venue's wall."""
    return iso_date(venue_day(time_ns))


def goods(symbol: str, venue: ConfigureVenue) -> Words:
    """Variety and class."""
    parts = parse_symbol(symbol)
    if parts is None:
        return Words(symbol, symbol)
    variety = next((each for each in venue.varieties if each.code == parts.variety), None)
    grade = GRADES[parts.grade]
    if variety is None:
        return Words(f"{parts.variety}（{grade.zh}）", f"{parts.variety}, {grade.en}")
    return Words(f"{variety.name_zh}（{grade.zh}）", f"{variety.name_en} banana, {grade.en}")


def place(warehouse: str, venue: ConfigureVenue) -> Words:
    """A warehouse's name and code."""
    found = next((each for each in venue.warehouses if each.code == warehouse), None)
    if found is None:
        return Words(warehouse)
    return Words(f"{found.name_zh}（{warehouse}）", f"{found.name_en} ({warehouse})")


def name_of(gateway: Gateway, participant_id: int) -> str:
    """A participant's name and number; a dash for nobody."""
    participant = gateway.participant(participant_id)
    return "—" if participant is None else f"{participant.display_name} P{participant_id}"
