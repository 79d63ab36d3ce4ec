"""What witnesses of a venue show: of every stream what a new reader is told first, of the bell what it goes by."""

import json
from itertools import groupby
from typing import Any

from exchange.bell import Heard
from exchange.engine import Engine
from exchange.protocol import Entry
from exchange.publication import Publication
from exchange.replay import run_batch
from marketdata.messages import INTERVALS
from tests.marketdata.feed_reader import ListOutlet


def entries_of(told: list[tuple[Any, int]], engine: Engine | None = None) -> list[Entry]:
    """The batches that a venue would have committed: commands of one time, at most fifty."""
    engine = engine or Engine()
    entries = []
    for time_ns, group in groupby(told, key=lambda command: command[1]):
        waiting = [command for command, _ in group]
        while waiting:
            commands, waiting = tuple(waiting[:50]), waiting[50:]
            first = engine.sequence + 1
            events = run_batch(engine, commands, first, time_ns)
            entries.append(Entry(first_sequence=first, time_ns=time_ns, commands=commands, events=events))
    return entries


def shown(publication: Publication, engine: Engine) -> dict[str, Any]:
    """All that somebody who comes now is shown, over every channel, and of every order that has ended."""
    feed = publication.feed
    symbols = sorted(feed.instruments)
    told: dict[str, Any] = {"last order": publication.last_order_id, "sequence": (feed.sequence, feed.time_ns)}
    wanted: list[dict[str, Any]] = [{"channel": channel} for channel in ("trades", "ticker", "status")]
    wanted += [{"channel": "book", "depth": depth} for depth in (25, None)]
    wanted += [{"channel": "candles", "interval": interval} for interval in INTERVALS]
    for fields in wanted if symbols else ():
        told[repr(fields)] = heard(feed, 0, symbols=symbols, **fields)
    for participant in engine.participants():
        told[f"account {participant.participant_id}"] = heard(feed, participant.participant_id, channel="account")
    told["ended"] = [publication.ended_order(number) for number in range(publication.last_order_id + 1)]
    feed.check()
    return told


def heard(feed: Any, participant_id: int, **fields: Any) -> list[Any]:
    outlet = ListOutlet()
    reader = feed.connect(outlet)
    if participant_id:
        reader.sign_in(participant_id)
    reader.receive(json.dumps({"op": "subscribe", **fields}))
    feed.flush()
    messages = [json.loads(part) for part in outlet.parts]
    assert all(message["op"] == "subscribed" for message in messages if "op" in message), messages
    reader.disconnected()
    return messages


def rung(bell: Heard) -> tuple[Any, ...]:
    return bell.told_ns, bell.halted_ns, list(bell.begun_ns.items()), bell.stocked
