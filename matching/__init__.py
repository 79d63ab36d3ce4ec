"""The matching floor: orders in, trades out; it knows neither money nor warehouses, no clock and no chance.

`Market().apply(command)` returns the events of that command in order. Commands and events are in `matching.messages`.
"""

from matching.market import Market

__all__ = ["Market"]
