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

NAMED: Final = {
    "crash at any await": (
        "venue: killed between two callbacks",
        "venue: loss of power between two callbacks",
        "disk: kill in the middle of a write",
        "disk: kill in the middle of a sync",
        "disk: loss of power in the middle of a write",
        "disk: loss of power in the middle of a sync",
    ),
    "torn and lost unsynced writes": ("disk: a write is torn", "disk: an unsynced write is lost"),
    "bit flips": ("disk: a bit is flipped", "disk: a file is cut"),
    "disk full, disk errors": ("disk: full", "disk: a write fails", "disk: a sync fails"),
    "slow disk": ("disk: slow",),
    "database down, slow, restarted": (
        "database: down",
        "database: slow",
        "database: restarted",
        "database: the last transactions are lost",
    ),
    "database refusing a transaction": ("database: a transaction is refused", "database: a commit is not confirmed"),
    "database so far behind that trading pauses": ("venue: paused",),
    "snapshots damaged, lost, unfinished": (
        "snapshot: the newest is gone",
        "snapshot: cut",
        "snapshot: a bit is flipped",
        "snapshot: one is left unfinished",
        "snapshot: all are gone",
        "snapshot: passed over",
    ),
    "follower killed": ("follower: killed", "follower: killed between transactions"),
    "duplicate and reordered requests": ("network: request doubled", "network: request overtaken"),
    "lost answers and retry": ("network: answer lost", "network: request lost", "client: tries again"),
    "slow and dead readers": ("reader: slow", "reader: dead", "reader: line cut", "reader: silence"),
    "clock jumps": ("clock: forward", "clock: back", "machine: off for a while"),
    "floods": ("client: flood", "venue: busy"),
}
"""What the simulator promises to break, in words, and the faults that it counts as such."""


class Plan:
    def __init__(self, seed: int) -> None:
        chance = Random(f"{seed} plan")
        self.storage: Any = chance.choice(("log", "sqlite"))
        self.speed = chance.choice((1, 1, 60, 3_600))
        """Of the venue's clock against the loop's."""
        self.seconds = chance.uniform(2.0, 8.0)
        self.commands = chance.choice((40, 80, 200))
        self.senders = chance.choice((1, 3, 8))
        self.pause_s = self.senders * self.seconds / self.commands * chance.choice((0.3, 0.8))
        self.readers = chance.choice((1, 2, 4))
        self.waiting = chance.choice((16, 64, 1_024))
        self.batch = chance.choice((1, 4, 64, 512))
        self.damage = chance.choice((0.0, 0.5, 1.0))
        self.crash_at_start = chance.choice((0.0, 0.0, 0.3))
        self.slow_database = chance.random() < 0.3
        self.snapshot_commands = chance.choice((20, 50, 1_000_000))
        self.snapshots_kept = chance.choice((1, 3))
        self.pause_commands, self.pause_seconds = chance.choice(((8, 1.0), (30, 3.0), (10**9, 1e9)))
        self.faults_a_second = chance.choice((0.5, 1.5, 4.0))
        self.faults = {kind: weight * chance.choice((0.0, 0.0, 0.3, 1.0, 3.0)) for kind, weight in FAULTS.items()}
        if not any(self.faults.values()):
            self.faults = dict(FAULTS)

    @classmethod
    def of_everything(cls, seed: int) -> "Plan":
        """All kinds of faults, and many of each."""
        plan = cls(seed)
        plan.storage = ("log", "sqlite")[seed % 2]
        plan.seconds, plan.commands, plan.senders = 6.0, 120, 8
        plan.pause_s = plan.senders * plan.seconds / plan.commands * 0.8
        plan.waiting = 16
        plan.snapshot_commands, plan.snapshots_kept = 20, 3
        plan.pause_commands, plan.pause_seconds = 12, 2.0
        plan.damage, plan.crash_at_start, plan.slow_database = 1.0, 0.3, True
        plan.faults_a_second = 6.0
        plan.faults = dict(FAULTS)
        return plan
