"""What market data is told of instruments that goods open, and not an operator."""

from exchange.market_words import market_batches
from exchange.protocol import Entry
from matching.messages import DefineInstrument, InstrumentDefined
from settlement.messages import Profile
from settlement.messages.receipts import RegradeLot
from tests.exchange.floor import WAREHOUSE, Floor


def told_to_market_data(floor: Floor, command: object, profile: Profile) -> object:
    """The command, as market data has it, with what it leads to."""
    events = tuple(floor.do(command))
    assert any(isinstance(event, InstrumentDefined) for event in events)
    sequence = floor.engine.sequence
    entry = Entry(first_sequence=sequence, time_ns=floor.time_ns, commands=(command,), events=(events,))  # type: ignore[arg-type]

    def profile_at(asked: int) -> Profile:
        assert asked == sequence
        return profile

    (batch,) = market_batches([entry], profile_at)
    return batch.commands[0]


def test_a_lot_regraded_into_a_new_symbol_defines_it_as_the_profile_says() -> None:
    floor = Floor()
    floor.configure(profile="cn-spot")
    receipt_id = floor.receipt()
    receipt = floor.engine.receipt(receipt_id)
    assert receipt is not None
    regrade = RegradeLot(
        operator_id=WAREHOUSE, lot_id=receipt.lot_id, grade="2", colour_stage=1, defect_permille=90, reason="bruised"
    )
    told = told_to_market_data(floor, regrade, "cn-spot")
    symbol = receipt.symbol.replace("-1-", "-2-")
    assert told == DefineInstrument(symbol, mode="listing")
    view = floor.engine.market.instrument(symbol)
    assert view is not None
    assert view.mode == "listing"


def test_an_operators_definition_is_told_as_it_is() -> None:
    definition = DefineInstrument("BXJ-E-SX1-26W47", mode="call_auction", phase="closed")
    assert told_to_market_data(Floor(), definition, "open") is definition
