"""What a venue's profile permits: in which modes instruments may be defined, and how a first receipt defines one."""

import pytest

from matching.messages import CommandRejected, InstrumentDefined
from tests.exchange.floor import SYMBOL, Floor

MODES = ("continuous", "call_auction", "listing", "one_way_auction", "negotiated")


def phase_of(mode: str) -> str:
    return "auction" if mode == "call_auction" else "continuous"


def mode_of(floor: Floor, symbol: str = SYMBOL) -> str:
    view = floor.engine.market.instrument(symbol)
    assert view is not None
    return view.mode


@pytest.mark.parametrize("mode", MODES)
def test_the_open_profile_permits_every_mode(mode: str) -> None:
    floor = Floor()
    assert floor.define(mode=mode, phase=phase_of(mode)) == [InstrumentDefined(SYMBOL)]
    assert mode_of(floor) == mode


@pytest.mark.parametrize("mode", MODES)
def test_a_chinese_spot_venue_permits_only_what_matches_nothing_by_itself(mode: str) -> None:
    floor = Floor()
    floor.configure(profile="cn-spot")
    floor.define(mode=mode, phase=phase_of(mode))
    if mode in ("continuous", "call_auction"):
        assert floor.refusal() == ("mode_not_permitted", "mode")
        assert floor.engine.market.instrument(SYMBOL) is None
    else:
        assert floor.events == [InstrumentDefined(SYMBOL)]


def test_what_is_no_mode_is_no_matter_of_profiles() -> None:
    floor = Floor()
    floor.configure(profile="cn-spot")
    assert floor.define(mode="barter") == [CommandRejected("define_instrument", SYMBOL, "invalid_mode")]


def test_the_first_receipt_defines_its_instrument_as_the_profile_says() -> None:
    floor = Floor()
    floor.receipt()
    assert mode_of(floor) == "continuous"
    floor.configure(profile="cn-spot")
    floor.receipt(grade="2")
    assert mode_of(floor, "BXJ-2-SX1-26W47") == "listing"
    view = floor.engine.market.instrument("BXJ-2-SX1-26W47")
    assert view is not None
    assert view.phase == "continuous"


def test_a_change_of_profile_leaves_instruments_as_they_are_until_they_are_defined_anew() -> None:
    floor = Floor()
    floor.receipt()
    floor.configure(profile="cn-spot")
    floor.receipt()
    assert mode_of(floor) == "continuous"
    floor.phase("closed")
    floor.phase("continuous")
    floor.phase("closed")
    floor.define(reference_price=250, band=50)
    assert floor.refusal() == ("mode_not_permitted", "mode")
    floor.define(mode="listing", reference_price=250, band=50)
    assert mode_of(floor) == "listing"
