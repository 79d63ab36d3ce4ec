"""`exchange tail`: the feed in a terminal."""
