"""What an hour costs in Dagster: its daemon, code server and webserver, whose hourly schedule starts the loads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from tests.chaos.budgets.programs import ShiftedDagster
from tests.helpers.processes.deployment import until
from tests.soak.hours import BYTES_PER_MB, Cost, reference_seconds
from tests.soak.world import HOUR, World

# of the clock in a second of the machine's: until a run is due, and while it works; Dagster's beats bear no more
FAST, SLOW = 200.0, 1.0
# of the machine: until a run that is due has begun, until it has ended, and without a run after it
SECONDS_TO_BEGIN, SECONDS_TO_END, SECONDS_OF_REST = 300.0, 300.0, 3.0


class Daemon:
    """Dagster's processes, which load by the hourly schedule.

    Args:
        world: where.
        dagster: the processes.
    """

    def __init__(self, world: World, dagster: ShiftedDagster) -> None:
        self._world = world
        self._dagster = dagster

    def hour(self) -> Cost:
        """Go to the next full hour, and wait for the end of the runs that begin."""
        clock, reference, before = self._world.clock, reference_seconds(), self._cpu()
        clock.speed = FAST
        clock.wait_until((clock.time() // HOUR + 1) * HOUR)
        clock.speed = SLOW
        began = time.perf_counter()
        self._wait(lambda: self._dagster.is_running, SECONDS_TO_BEGIN, "no run began")
        while True:
            self._wait(lambda: not self._dagster.is_running, SECONDS_TO_END, "a run did not end")
            ended = time.perf_counter()
            time.sleep(SECONDS_OF_REST)
            if not self._dagster.is_running:
                break
        processes = self._processes()
        memory = sum(one.memory_info().rss for one in processes) / BYTES_PER_MB
        handles, threads = sum(one.num_fds() for one in processes), sum(one.num_threads() for one in processes)
        return Cost(ended - began, self._cpu() - before, memory, handles, threads, reference)

    def prune(self) -> None:
        """Do nothing: a schedule of Dagster's deletes what is not kept."""

    def _wait(self, is_so: Callable[[], bool], seconds: float, failure: str) -> None:
        deadline = time.perf_counter() + seconds
        while not is_so():
            if time.perf_counter() > deadline:
                raise RuntimeError(f"{failure} within {seconds:.0f} s")
            time.sleep(0.2)

    def _processes(self) -> list[psutil.Process]:
        services = [psutil.Process(one.pid) for one in self._dagster.processes.values()]
        return [*services, *(child for one in services for child in one.children(recursive=True))]

    def _cpu(self) -> float:
        # those of runs that have ended are their parents'
        every = [one.cpu_times() for one in self._processes()]
        return float(sum(one.user + one.system + one.children_user + one.children_system for one in every))


@contextmanager
def daemon(world: World) -> Iterator[Daemon]:
    """Start Dagster's processes, and stop them at the end."""
    dagster = ShiftedDagster(world.folder / "work" / "dagster", world.environment | world.clock.environment)
    try:
        dagster.begin()
        # a daemon that begins after the hour has no tick for it
        until(dagster.alert_ticks, "a tick of a sensor")
        yield Daemon(world, dagster)
    finally:
        dagster.stop()
