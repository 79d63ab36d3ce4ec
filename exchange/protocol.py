"""What the journal holds: the union of commands, the union of events, one entry a batch, and their codec.

A sequence number counts commands, from 1, over the life of the venue. An entry is a batch: all its commands share
`time_ns` and are preceded by an implied `advance_time` to it, whose events stand in front of the first command's own.
"""

from typing import Any

import msgspec
from msgspec import Struct

from matching import messages as matching
from settlement import messages as settlement

Command = (
    matching.DefineInstrument
    | matching.AmendOrder
    | matching.CancelOrder
    | matching.MassCancel
    | matching.SetPhase
    | matching.AdvanceTime
    | matching.WithdrawListing
    | matching.AcceptCounter
    | matching.WithdrawCounter
    | matching.WithdrawAuction
    | matching.WithdrawReport
    | matching.DeclineReport
    | settlement.SettlementCommand
)
Event = (
    matching.InstrumentDefined
    | matching.OrderAccepted
    | matching.OrderRejected
    | matching.CancelRejected
    | matching.AmendRejected
    | matching.CommandRejected
    | matching.TradeExecuted
    | matching.OrderCancelled
    | matching.OrderAmended
    | matching.StopTriggered
    | matching.SelfTradePrevented
    | matching.PhaseChanged
    | matching.AuctionUncrossed
    | matching.ListingOpened
    | matching.ListingRejected
    | matching.TakeRejected
    | matching.CounterPlaced
    | matching.CounterRejected
    | matching.AcceptanceRejected
    | matching.WithdrawalRejected
    | matching.ListingClosed
    | matching.CounterClosed
    | matching.AuctionOpened
    | matching.AuctionRejected
    | matching.BidPlaced
    | matching.BidRejected
    | matching.AuctionExtended
    | matching.AuctionClosed
    | matching.TradeReported
    | matching.ReportRejected
    | matching.ConfirmRejected
    | matching.ReportClosed
    | settlement.SettlementEvent
)

MAXIMUM_BATCH = 4096
"""Commands in one entry at most."""


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """A committed batch: command `i` has sequence `first_sequence + i` and caused `events[i]`."""

    first_sequence: int
    time_ns: int
    commands: tuple[Command, ...]
    events: tuple[tuple[Event, ...], ...]

    @property
    def last_sequence(self) -> int:
        return self.first_sequence + len(self.commands) - 1


_encoder = msgspec.msgpack.Encoder()
_commands = msgspec.msgpack.Decoder(tuple[Command, ...])
_events = msgspec.msgpack.Decoder(tuple[tuple[Event, ...], ...])


def encode(payload: Any) -> bytes:
    """Commands or events of an entry as compact MessagePack."""
    return _encoder.encode(payload)


def decode_commands(payload: bytes) -> tuple[Command, ...]:
    """Raises `msgspec.ValidationError` or `msgspec.DecodeError` where the payload is none of ours."""
    return _commands.decode(payload)


def decode_events(payload: bytes) -> tuple[tuple[Event, ...], ...]:
    """Raises `msgspec.ValidationError` or `msgspec.DecodeError` where the payload is none of ours."""
    return _events.decode(payload)
