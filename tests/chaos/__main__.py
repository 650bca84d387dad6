"""`python -m tests.chaos`: play scenarios and print their table."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import forkserver
from pathlib import Path

import click

from dlt_sources.openweather_simulator import Simulator, serve
from tests.benchmarks.processes import cache_bytecode
from tests.chaos.rounds.results import Result, save, show
from tests.chaos.rounds.world import World
from tests.chaos.scenarios import BOTH, SCENARIOS, Scenario
from tests.helpers.postgres import PostgresServer

EPILOG = "\b\nScenarios:\n" + "\n".join(
    f"  {name:<16} {(scenario.play.__doc__ or '').splitlines()[0]}" for name, scenario in SCENARIOS.items()
)


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.argument("names", nargs=-1, type=click.Choice(list(SCENARIOS)), metavar="[NAME]...")
@click.option(
    "--destination",
    "destinations",
    multiple=True,
    type=click.Choice(BOTH),
    help="Where to load to; repeatable. If absent, both, or either where it matters little.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Of everything random; the table says which it was.")
@click.option("--rounds", type=click.IntRange(min=1), help="Of each scenario; its own number if absent.")
@click.option("--round", "only", type=click.IntRange(min=1), help="This round only, to repeat one that failed.")
@click.option("--long", is_flag=True, help="Hundreds of rounds, 10,000 fuzzed answers; takes hours.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the results here too."
)
def main(
    *,
    names: tuple[str, ...],
    destinations: tuple[str, ...],
    seed: int | None,
    rounds: int | None,
    only: int | None,
    long: bool,
    json_file: Path | None,
) -> None:
    """Do to loads what the world may do to them, and hold the tables to account.

    NAME is one of the scenarios below; without a name, all are played but those that take long. After every round each
    hour and each observation must be in the tables, no key twice, and of every run the rows fetched must be the rows
    loaded and rejected.

    Exits with 1 if any verdict is bad.
    """
    # a time limit's signal must not leave a server or a mounted disk behind
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    chosen = destinations or BOTH
    _say(f"seed {seed}")
    results = []
    with _world(seed, chosen, long=long, say=_say) as world:
        for name in names or [name for name, scenario in SCENARIOS.items() if long or not scenario.by_name]:
            scenario = SCENARIOS[name]
            some = [destination for destination in chosen if destination in scenario.destinations]
            if scenario.either and not (destinations or long):
                some = random.Random(f"{seed} {name}").sample(some, 1)
            for destination in some:
                number = rounds or (scenario.long_rounds if long else scenario.rounds)
                result = _play(world, name, scenario, destination, [only] if only else range(1, number + 1))
                results.append(result)
                _say(f"  {name}, {destination}: {result.verdict}, {result.seconds:.0f} s")
    show(results, seed)
    if json_file:
        save(results, seed, json_file)
    if any(result.verdict == "BAD" for result in results):
        raise SystemExit(1)


def _play(world: World, name: str, scenario: Scenario, destination: str, numbers: range | list[int]) -> Result:
    result = Result(scenario=name, destination=destination)
    began = time.monotonic()
    if reason := scenario.impossible(world):
        result.skipped = reason
        return result
    for number in numbers:
        with world.round(name, destination, number) as round_:
            try:
                scenario.play(round_)
            except Exception as error:  # noqa: BLE001 - the round failed; the next one is played all the same
                round_.found.problems.append(f"{type(error).__name__}: {error}")
                world.say(traceback.format_exc())
            result.add(number, round_.found)
            if not round_.found.good:
                _tell(world, name, destination, number, result)
    result.seconds = time.monotonic() - began
    return result


def _tell(world: World, name: str, destination: str, number: int, result: Result) -> None:
    """Say what was wrong with the last round, and how to repeat it."""
    lost = result.expected - result.found
    for problem in result.problems:
        world.say(f"  {problem}")
    log = world.folder / "workers.log"
    world.say("\n".join(log.read_text(errors="replace").splitlines()[-30:]))
    world.say(f"  so far {lost} lost, {result.doubled} doubled, {result.unaccounted} unaccounted for")
    again = f"python -m tests.chaos {name} --destination {destination} --seed {world.seed} --round {number}"
    world.say(f"  to repeat it: uv run {again}{' --long' if world.long else ''}")


@contextmanager
def _world(seed: int, destinations: tuple[str, ...], *, long: bool, say: Callable[[str], None]) -> Iterator[World]:
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="weather-chaos-", ignore_cleanup_errors=True))
        folder = Path(name)
        _forget_settings()
        cache_bytecode(folder / "bytecode")
        _start_forkserver(folder / "workers.log")
        # loads warn of what is done to them here
        logging.getLogger().addHandler(logging.NullHandler())
        server = None
        if "postgres" in destinations:
            server = PostgresServer(folder / "postgres")
            server.start()
            stack.callback(server.stop, "immediate")
        simulator = Simulator()
        api = stack.enter_context(serve(simulator))
        world = World(folder, server, simulator, api, seed, long, say)
        stack.enter_context(world.at_the_end)
        yield world


def _forget_settings() -> None:
    """Leave out whatever configures dlt in the caller's environment, so that a seed does the same everywhere."""
    for name in list(os.environ):
        if "__" in name or name.startswith(("DLT_", "OPENWEATHER_", "WEATHER_", "DAGSTER_")):
            del os.environ[name]
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"


def _start_forkserver(log: Path) -> None:
    """Start the process that forks workers, here where it finds the tests, with its standard error in a file."""
    kept = os.dup(2)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 2)
        try:
            forkserver.ensure_running()
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _say(text: str) -> None:
    click.echo(text, err=True)
    sys.stderr.flush()


if __name__ == "__main__":
    main()
