"""Lines that nobody in his right mind would send: each gets its answer, and none of them an exception."""

import io
import json
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from matching import Market
from matching.__main__ import run
from matching.messages import DefineInstrument

WORDS: list[Any] = [
    0, 1, -1, 5, 100, 2**31, 2**53 - 1, 2**53, -(2**53), 2**63 - 1, 2**63, 10**30, 1.0, 1.5, 1e300, True, False, None,
    "", "GJ", "buy", "sell", "limit", "market", "stop_limit", "gtc", "gtd", "auction", "closed", "\u0000", "香蕉",
    "x" * 500, [], [1], {}, {"type": "place_order"},
]  # fmt: skip
FIELDS = {
    "define_instrument": "symbol tick_size lot_size mode phase reference_price band collar protection cancel_on_halt",
    "place_order": "order_id participant_id symbol side quantity kind price stop_price time_in_force expires_ns "
    "display_quantity minimum_quantity post_only self_trade",
    "cancel_order": "order_id participant_id",
    "amend_order": "order_id participant_id quantity price display_quantity",
    "mass_cancel": "participant_id symbol side",
    "set_phase": "symbol phase",
    "advance_time": "time_ns",
    "list_lot": "listing_id participant_id symbol side quantity price lot_id minimum_quantity expires_ns",
    "take_listing": "take_id listing_id participant_id quantity lot_id",
    "withdraw_listing": "listing_id participant_id",
    "counter_bid": "counter_id listing_id participant_id quantity price lot_id expires_ns",
    "accept_counter": "counter_id participant_id",
    "withdraw_counter": "counter_id participant_id",
    "open_auction": "auction_id participant_id symbol side quantity lot_id style start_price reserve_price step "
    "ends_ns extension_ns interval_ns",
    "bid": "bid_id auction_id participant_id price lot_id",
    "withdraw_auction": "auction_id participant_id",
    "report_trade": "report_id participant_id counterparty_id symbol side quantity price lot_id expires_ns",
    "confirm_trade": "confirm_id report_id participant_id",
    "withdraw_report": "report_id participant_id",
    "decline_report": "report_id participant_id",
}
OF_THE_MODE = {
    "continuous": list(FIELDS)[:7],
    "listing": list(FIELDS)[4:13],
    "one_way_auction": [*list(FIELDS)[4:7], *list(FIELDS)[13:16]],
    "negotiated": [*list(FIELDS)[4:7], *list(FIELDS)[16:]],
}
IDS = ("order_id", "listing_id", "take_id", "counter_id", "auction_id", "bid_id", "report_id", "confirm_id")
SOUND: dict[str, Any] = {
    "symbol": "GJ", "order_id": 7, "participant_id": 1, "side": "buy", "quantity": 5, "kind": "limit", "price": 100,
    "time_in_force": "gtc", "phase": "continuous", "time_ns": 1, "self_trade": "decrement", "counterparty_id": 2,
    "style": "english", "start_price": 100, "step": 1, "ends_ns": 50, **dict.fromkeys(IDS, 7),
}  # fmt: skip


def line(random: Random, mode: str) -> bytes:
    kind = random.choice(OF_THE_MODE[mode] if random.random() < 0.8 else list(FIELDS))
    message: dict[str, Any] = {"type": kind}
    for field in FIELDS[kind].split():
        if field in SOUND and random.random() < 0.9:
            message[field] = SOUND[field]
        elif random.random() < 0.2:
            message[field] = random.choice(WORDS)
    if random.random() < 0.05:
        message[random.choice(["price_", "Type", "", "quantity\n"])] = random.choice(WORDS)
    for field in IDS:
        if message.get(field) == 7:
            message[field] = random.randrange(20)
    text = json.dumps(message, ensure_ascii=random.random() < 0.5).encode()
    if random.random() < 0.1:
        cut = random.randrange(len(text))
        text = random.choice(
            [text[:cut], text[cut:], text[:cut] + bytes([random.randrange(256)]) + text[cut:], text * 2]
        )
    return text.replace(b"\n", b" ").replace(b"\r", b" ") or b"?"


@pytest.mark.parametrize("mode", OF_THE_MODE)
@pytest.mark.parametrize("seed", range(8))
def test_every_line_is_answered_and_a_broken_one_changes_nothing(seed: int, mode: str, tmp_path: Path) -> None:
    random = Random(seed)
    market = Market()
    market.apply(DefineInstrument("GJ", mode=mode))
    answers = {"error": 0, "event": 0}
    for number in range(250):
        text = line(random, mode)
        before = market.snapshot()
        (tmp_path / "line").write_bytes(text)
        source = os.open(tmp_path / "line", os.O_RDONLY)
        output = io.BytesIO()
        failed = run(market, source, output, output, True)
        os.close(source)
        events = [json.loads(event) for event in output.getvalue().splitlines()]
        market.audit()
        if failed:
            assert [event["type"] for event in events] == ["error"], text
            assert events[0]["detail"]
        if failed or any(event["type"].endswith("rejected") for event in events):
            assert market.snapshot() == before, (number, text)
        answers["error" if failed else "event"] += 1
    assert min(answers.values()) > 20, "the fuzz reaches both sides of the door"
