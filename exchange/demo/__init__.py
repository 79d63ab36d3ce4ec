"""`exchange demo`: a living market of simulated growers, wholesalers and buyers who use the public interfaces only."""

from exchange.demo.run import demonstrate

__all__ = ["demonstrate"]
