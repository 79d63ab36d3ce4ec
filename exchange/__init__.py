"""The roof: composition, durability and time around the matching, settlement, market data and web layers."""
