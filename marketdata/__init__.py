"""Quotes, trades and candles: a feed of what the engine has committed."""
