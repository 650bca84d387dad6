"""What Dagster adds to a load, and to an import."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.bench import Bench, against, in_turns
from tests.benchmarks.processes import PROJECT, measure
from tests.benchmarks.results import Result
from tests.benchmarks.simulated import simulator
from tests.benchmarks.workload import LOAD, five_places

MOST_TIMES_CLI = 2.5
MOST_TIMES_CLI_HOURLY = 4.0
MOST_TIMES_IMPORTS = 1.5
HOURLY = ["dagster", "job", "execute", "-m", "dagster_project.definitions", "-j", "weather_ingestion_job"]
DAGSTER_YAML = PROJECT / "dagster_project" / "dagster.yaml"
MATERIALIZE = ["dagster", "asset", "materialize", "-m", "dagster_project.definitions", "--select"]


def dagster(bench: Bench) -> Iterator[Result]:
    """Runs of one asset and of the hourly job against the command line's loads of the same; the definitions' import."""
    bench.say("dagster: one asset")
    with bench.new_folder() as ours, bench.new_folder() as cli, simulator(ours) as api:
        environment = five_places(api)
        (ours / "home").mkdir()
        in_dagster = (
            environment | bench.make_database("duckdb", ours).environment | {"DAGSTER_HOME": str(ours / "home")}
        )
        by_hand = environment | bench.make_database("duckdb", cli).environment
        run, load = in_turns(
            bench,
            lambda: measure([*MATERIALIZE, "bronze/current_weather"], ours, in_dagster),
            lambda: measure([*LOAD, "--resources", "current_weather"], cli, by_hand),
        )
    yield against(
        "dagster, one asset", times=MOST_TIMES_CLI, than="the command line", ours=run, floor=load, destination="duckdb"
    )
    yield _hourly_job(bench)
    bench.say("dagster: definitions")
    with bench.new_folder() as folder:
        definitions, imports = in_turns(
            bench,
            lambda: measure(["tests.benchmarks.import_worker", "dagster_project.definitions"], folder),
            # by itself the source imports what it loads with when it loads; the definitions show its columns
            lambda: measure(
                ["tests.benchmarks.import_worker", "dagster", "dlt_sources.weather.extract.resources"], folder
            ),
        )
    yield against(
        "dagster, definitions",
        times=MOST_TIMES_IMPORTS,
        than="importing Dagster and the source",
        ours=definitions,
        floor=imports,
    )


def _hourly_job(bench: Bench) -> Result:
    """The hourly job in the process of its run, with the shipped settings: five assets, checks, and reports."""
    bench.say("dagster: the hourly job")
    with bench.new_folder() as ours, bench.new_folder() as cli, simulator(ours) as api:
        environment = five_places(api)
        (ours / "home").mkdir()
        (ours / "home" / "dagster.yaml").symlink_to(DAGSTER_YAML)
        in_dagster = (
            environment | bench.make_database("duckdb", ours).environment | {"DAGSTER_HOME": str(ours / "home")}
        )
        by_hand = environment | bench.make_database("duckdb", cli).environment
        run, load = in_turns(bench, lambda: measure(HOURLY, ours, in_dagster), lambda: measure([*LOAD], cli, by_hand))
    return against(
        "dagster, the hourly job",
        times=MOST_TIMES_CLI_HOURLY,
        than="the command line",
        ours=run,
        floor=load,
        destination="duckdb",
    )
