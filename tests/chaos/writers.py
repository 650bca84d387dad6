"""Several loaders at once on one dataset: they take turns, and every row is there once."""

from __future__ import annotations

import os

from tests.chaos.world import Round

NUMBERS = (2, 4, 8)


def at_once(round_: Round) -> None:
    """Start 2, 4 and 8 loaders at once, on one machine or, with PostgreSQL, as if on several."""
    for number in NUMBERS:
        apart = round_.destination == "postgres" and round_.random.random() < 0.5
        workers = []
        for machine in range(number):
            if apart:
                os.environ["DLT_DATA_DIR"] = str(round_.folder / f"machine{machine}")
            workers.append(round_.start())
        for worker in workers:
            round_.end_of(worker, 0)
        round_.observed.append(round_.clock())
        round_.found.note(f"{number} {'machines' if apart else 'processes'}")
        os.environ["DLT_DATA_DIR"] = str(round_.folder / "dlt")
        round_.pass_time()
    round_.finish()
