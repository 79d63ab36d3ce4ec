"""`./dev soak --crash N`: so many real crashes, a line each, and what they come to.

One venue at a time: it, its follower and the traders fill two cores.
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom
from statistics import quantiles

from tests.exchange.crash.rounds import Round, Street
from tests.postgres import postgres


def main() -> int:
    """Exit status 0, or 1 where a promise was broken: the line says by which seed, and the data stays."""
    parser = argparse.ArgumentParser(prog="./dev soak --crash", description=__doc__)
    parser.add_argument("rounds", type=int, metavar="N")
    parser.add_argument("--seed", type=int, help="of what is drawn in each round (one at random)")
    parser.add_argument("--first", type=int, default=1, metavar="ROUND", help="the number of the first round (1)")
    parser.add_argument(
        "--database-every",
        type=int,
        default=5,
        metavar="K",
        help="each so many rounds PostgreSQL is killed (5; 0: never)",
    )
    options = parser.parse_args()
    seed = SystemRandom().randrange(2**32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="banana-crash-"))
    began = time.monotonic()
    played: list[Round] = []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(postgres()) if options.database_every else None
        street = Street(folder, server)
        number = options.first
        try:
            for number in range(options.first, options.first + options.rounds):
                database = options.database_every and number % options.database_every == 0
                played.append(street.play(seed, number, "database" if database else None))
                print(f"round {number}: {played[-1]}", flush=True)
            street.close()
        except BaseException as error:
            street.abandon()
            if not isinstance(error, KeyboardInterrupt):
                print(f"round {number} of seed {seed} FAILED, its data is in {folder}: {error!r}", file=sys.stderr)
            report(played, time.monotonic() - began)
            if isinstance(error, KeyboardInterrupt):
                return 130
            raise
    shutil.rmtree(folder)
    report(played, time.monotonic() - began)
    return 0


def report(played: list[Round], seconds: float) -> None:
    if not played:
        return
    starts = [each.start_seconds for each in played]
    slowest = max(starts) if len(starts) < 2 else quantiles(starts, n=100)[98]
    by_moment = {moment: sum(each.moment == moment for each in played) for moment in {each.moment for each in played}}
    acknowledged, unanswered, happened, turned_away = (
        sum(getattr(each, field) for each in played)
        for field in ("acknowledged", "unanswered", "happened", "turned_away")
    )
    print(
        f"{len(played)} crashes survived in {seconds:.0f} s:", *(f"{name} {n}" for name, n in sorted(by_moment.items()))
    )
    print(f"acknowledged {acknowledged:,}, each found once and as it was told")
    print(
        f"unanswered {unanswered:,}, of which {happened:,} had happened; turned away {turned_away:,}, of which none had"
    )
    print(f"start {sum(starts) / len(starts):.2f} s on average, p99 {slowest:.2f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
