"""Every channel of the feed says what the engine holds, at every sequence, in every lane, across cuts and restarts."""

from functools import cache
from random import Random
from typing import Any

import pytest

from matching.messages import AmendOrder, CancelOrder, Kind, MassCancel, SetPhase, Side, TimeInForce
from settlement.messages import BustTrade, EnterOrder, TransferReceipt
from tests.exchange.feed_watch import Watch
from tests.exchange.floor import CHEN, LI, OPERATOR, SYMBOL, WANG, Floor
from tests.exchange.whole_venue.story import Story

PEOPLE = (CHEN, LI, WANG)
MINUTE_NS = 60 * 10**9
STEPS = 300


@cache
def begun() -> tuple[tuple[Any, int], ...]:
    """What has to be done before three people can buy and sell one another's bananas."""
    floor = Floor()
    for to in (LI, WANG):
        receipt_id = floor.receipt(CHEN)
        floor.do(
            TransferReceipt(participant_id=CHEN, receipt_id=receipt_id, to_participant_id=to, reference=f"gift {to}")
        )
    floor.receipt(CHEN)
    for each in PEOPLE:
        floor.deposit(each, 10_000_000_00)
    floor.phase("closed")
    floor.define(phase="continuous", reference_price=250, band=40, collar=6)
    return tuple(floor.commands)


def begin() -> Watch:
    watch = Watch()
    for command, time_ns in begun():
        watch.do(command, time_ns)
    watch.follow([SYMBOL])
    return watch


class Pit:
    """Three people, one instrument, and a watch on all they do; chance decides."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.watch = begin()
        self.time_ns = self.watch.engine.time_ns

    def step(self) -> None:
        """One command, or a breath, a cut or a restart in place of one."""
        chance, watch = self.chance, self.watch
        phase = watch.feed.instruments[SYMBOL].phase
        what = chance.random()
        if phase != "continuous" and what < (0.05 if phase == "auction" else 0.4):
            self.do(SetPhase(SYMBOL, chance.choice(("continuous", "continuous", "closed"))))
        elif what < 0.7:
            self.do(self.order())
        elif what < 0.85:
            self.alter()
        elif what < 0.87:
            self.do(MassCancel(chance.choice(PEOPLE)))
        elif what < 0.9:
            self.do(SetPhase(SYMBOL, chance.choice(("auction", "auction", "halted", "closed"))))
        elif what < 0.92:
            self.do(BustTrade(operator_id=OPERATOR, trade_id=self.recent_trade(), reason="wrong"))
        elif what < 0.94:
            self.time_ns += chance.choice((1, 7, 61, 800)) * MINUTE_NS
        elif what < 0.96:
            watch.tick()
            watch.check(slow=True)
        elif what < 0.98:
            watch.sleepy.wake_up() if watch.sleepy.asleep else watch.sleepy.fall_asleep()
        else:
            chance.choice((watch.cut, watch.restart))()

    def do(self, command: Any) -> None:
        self.watch.do(command, self.time_ns)

    def recent_trade(self) -> int:
        return max(1, len(self.watch.trades) - self.chance.randrange(8))

    def order(self) -> EnterOrder:
        chance = self.chance
        side: Side = chance.choice(("buy", "sell"))
        kind: Kind = chance.choice(("limit",) * 8 + ("market", "stop", "stop_limit"))
        quantity = chance.randrange(1, 30)
        priced = kind in ("limit", "stop_limit")
        time_in_force: TimeInForce = chance.choice(("gtc",) * 6 + ("day", "ioc", "closing", "opening"))
        display = None
        if priced and time_in_force in ("gtc", "day", "opening") and chance.random() < 0.5:
            display = min(quantity, chance.randrange(1, 8))
        stop_price = None
        if kind in ("stop", "stop_limit"):
            stop_price = chance.randrange(249, 256) if side == "buy" else chance.randrange(245, 252)
        return EnterOrder(
            participant_id=chance.choice(PEOPLE),
            client_order_id=f"n{self.watch.engine.sequence}",
            symbol=SYMBOL,
            side=side,
            quantity=quantity,
            kind=kind,
            price=chance.randrange(246, 255) if priced else None,
            stop_price=stop_price,
            display_quantity=display,
            time_in_force=time_in_force,
            self_trade=chance.choice(("cancel_resting", "decrement", "decrement", "cancel_both")),
        )

    def alter(self) -> None:
        chance = self.chance
        live = [order for each in PEOPLE for order in self.watch.engine.live_orders(each)]
        if not live:
            return
        order = chance.choice(live)
        if chance.random() < 0.4:
            self.do(CancelOrder(order.order_id, order.participant_id))
            return
        price = chance.choice((None, chance.randrange(246, 255)))
        quantity = chance.choice((None, chance.randrange(1, 40)))
        display = chance.choice((None, None, chance.randrange(1, 9)))
        self.do(
            AmendOrder(order.order_id, order.participant_id, quantity=quantity, price=price, display_quantity=display)
        )


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_ordered_is_told_on_every_channel_as_it_is(seed: int) -> None:
    pit = Pit(seed)
    for _ in range(STEPS):
        pit.step()
        pit.watch.check()
    pit.watch.tick()
    pit.watch.check(slow=True)
    pit.watch.check_history()
    assert len(pit.watch.trades) > STEPS // 12


@pytest.mark.parametrize("seed", [7, 11])
def test_stories_of_the_whole_venue_are_told_as_they_are(seed: int) -> None:
    """Listings, auctions, contracts, cold chains and all, with cuts and restarts on the way."""
    story = Story(seed, audited=1_000).run(300)
    watch, chance = Watch(), Random(3)
    for number, (command, time_ns) in enumerate(story.told, 1):
        watch.do(command, time_ns)
        watch.follow(list(watch.engine.market.symbols()))
        watch.check()
        if number % 40 == 0:
            chance.choice((watch.cut, watch.restart))()
        if number % 25 == 0:
            watch.tick()
            watch.check(slow=True)
    watch.tick()
    watch.check_history()
    again = Watch()
    for entry in watch.entries:
        again.hear(entry)
    assert again.publication.state() == watch.publication.state()
