"""What a seed plans: how the venue is set up, who comes, and which faults may happen, how often.

Each run leaves some kinds of faults out and has others often: what two rare ones do together is found where nothing
else happens.
"""

from random import Random
from typing import Any, Final

FAULTS: Final = {
    "die": 3.0,
    "stop_in_disk": 3.0,
    "disk_fail": 2.0,
    "disk_be_slow": 1.0,
    "stop": 1.0,
    "database_go": 1.0,
    "database_refuse": 1.5,
    "database_be_mute": 1.0,
    "database_restart": 0.7,
    "follower_die": 1.5,
    "follower_vanish": 1.0,
    "network_storm": 1.5,
    "flood": 0.7,
    "line_break": 2.0,
    "reader_be_slow": 1.0,
    "clock_jump": 1.0,
}
"""Kinds and how often each happens beside the others."""


class Plan:
    def __init__(self, seed: int) -> None:
        chance = Random(f"{seed} plan")
        self.storage: Any = chance.choice(("log", "sqlite"))
        self.speed = chance.choice((1, 1, 60, 3_600))
        """Of the venue's clock against the loop's."""
        self.seconds = chance.uniform(2.0, 8.0)
        self.commands = chance.choice((60, 120, 240))
        self.senders = chance.choice((1, 3, 8))
        self.pause_s = self.senders * self.seconds / self.commands * chance.choice((0.3, 0.8))
        self.readers = chance.choice((1, 2, 4))
        self.waiting = chance.choice((16, 64, 1_024))
        self.batch = chance.choice((1, 4, 64, 512))
        self.damage = chance.choice((0.0, 0.5, 1.0))
        self.crash_at_start = chance.choice((0.0, 0.0, 0.3))
        self.slow_database = chance.random() < 0.3
        self.faults_a_second = chance.choice((0.5, 1.5, 4.0))
        self.faults = {kind: weight * chance.choice((0.0, 0.0, 0.3, 1.0, 3.0)) for kind, weight in FAULTS.items()}
        if not any(self.faults.values()):
            self.faults = dict(FAULTS)
