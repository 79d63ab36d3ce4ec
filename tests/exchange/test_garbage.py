"""The collector of garbage is kept from the venue's state, and measured."""

import asyncio
import gc
import logging
from typing import Any

import pytest

from exchange import garbage
from exchange.garbage import (
    GATHERED,
    GREAT_SECONDS,
    LATEST_SECONDS,
    LONG_SECONDS,
    QUIET_SECONDS,
    TOO_MANY,
    YOUNG,
    Keeper,
    Watch,
    undisturbed,
)


class Collector:
    """In place of the module: says what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.survivors = 0

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.asked.append(name)

    def get_count(self) -> tuple[int, int, int]:
        return self.survivors % YOUNG, self.survivors // YOUNG, 0

    def taken(self) -> list[str]:
        asked, self.asked = self.asked, []
        return asked


class Loop:
    """An event loop of which only the clock and the one timer matter."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def time(self) -> float:
        return self.now

    def call_later(self, _seconds: float, call: Any, *arguments: Any) -> Any:
        self.ring = lambda: call(*arguments)
        return type("Timer", (), {"cancel": lambda _: None})()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.ring()


def test_what_is_built_is_not_disturbed() -> None:
    assert gc.isenabled()
    with undisturbed():
        assert not gc.isenabled()
        with undisturbed():
            assert not gc.isenabled()
        assert not gc.isenabled(), "the inner one ends before the outer"
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), undisturbed():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_every_collection_is_measured_and_a_long_one_told(caplog: pytest.LogCaptureFixture) -> None:
    times = iter((1.0, 1.002, 2.0, 2.0 + 5 * LONG_SECONDS))
    watch = Watch(clock=lambda: next(times))
    watch.start()
    with undisturbed():
        try:
            with caplog.at_level(logging.WARNING, logger="exchange.garbage"):
                gc.collect(0)
                gc.collect(2)
        finally:
            watch.stop()
        gc.collect(0)
    assert [sum(pause.counts) for pause in watch.pauses] == [1, 0, 1]
    assert [round(pause.total, 6) for pause in watch.pauses] == [0.002, 0.0, 0.25]
    assert [record.getMessage() for record in caplog.records] == ["the collector took 250 ms, generation 2"]


def test_survivors_are_looked_at_once_when_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    collector, loop = Collector(), Loop()
    monkeypatch.setattr(garbage, "gc", collector)
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    asked, busy = [0], [False]
    keeper = Keeper(lambda: asked[0], lambda: busy[0])
    keeper.start()

    def trade(survivors: int, *, waiting: bool) -> list[str]:
        asked[0] += 1
        collector.survivors, busy[0] = survivors, waiting
        loop.pass_time(1)
        return collector.taken()

    assert trade(GATHERED - 1, waiting=False) == [], "too few"
    assert trade(GATHERED, waiting=True) == [], "somebody waits"
    assert trade(GATHERED, waiting=False) == ["collect", "freeze"]
    assert trade(TOO_MANY, waiting=True) == ["collect", "freeze"], "too many to put it off"
    assert trade(YOUNG, waiting=True) == ["collect", "freeze"], "what the interpreter has looked at itself counts"
    collector.survivors = 0
    loop.pass_time(GREAT_SECONDS)
    assert collector.taken() == ["unfreeze", "collect", "freeze"], "long quiet: everything"
    loop.pass_time(QUIET_SECONDS)
    assert collector.taken() == [], "once"
    loop.now += LATEST_SECONDS
    assert trade(0, waiting=True) == []
    assert trade(0, waiting=False) == ["unfreeze", "collect", "freeze"], "a day without quiet"
    keeper.stop()
