"""A location or a product that the API refuses for ever: it is named, and takes nothing else with it."""

from __future__ import annotations

from dlt_sources.openweather_simulator.service.faults import Fault
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.status.late import late_by_resource
from tests.chaos.rounds.world import Round
from tests.helpers.command import run

RESOURCES = ["locations", "current_weather", "forecast", "air_pollution", "air_pollution_forecast"]


def location(round_: Round) -> None:
    """One location answers an error to everything, for ever: the others are loaded, and it is named with the cause."""
    round_.use_real_time()
    chosen = round_.random
    locations = [f"{number}.5000,{number}.2500" for number in range(chosen.randint(3, 12))]
    gone = chosen.choice(locations)
    status = chosen.choice([404, 400, 500])
    round_.simulator.inject(Fault(where={"lat": gone.split(",", maxsplit=1)[0]}, status=status))
    given = {"locations": locations, "resources": RESOURCES}
    for _ in range(chosen.randint(1, 2)):
        if error := round_.load(**given).error:
            round_.found.problems.append(f"one location of {len(locations)} with {status} ended a run: {error}")
    with Target(round_.destination).reader() as tables:
        late = late_by_resource(tables, load_settings(**round_.settings(**given)), round_.clock())
        round_.recorder.hold_to_account(tables, round_.found)
    named = {resource: {one.location_id for one in found} for resource, found in late.items()}
    if named != {resource: {gone} for resource in RESOURCES[1:]}:
        round_.found.problems.append(f"{gone} answers {status}, but late are {named}")
    if silent := [one for found in late.values() for one in found if not one.cause]:
        round_.found.problems.append(f"without a cause: {silent}")
    options = [option for one in locations for option in ("--location", one)]
    told = run("status", "--check", "--destination", round_.destination, "--resources", ",".join(RESOURCES), *options)
    if told.code != 7 or gone not in told.said or "Traceback" in told.said:
        round_.found.problems.append(f"status --check: {told.code}, {told.said[-500:]}")
    round_.found.note(f"status {status}")
    # the others are whole
    round_.observed.clear()
    round_.examine(places=[one for one in locations if one != gone])


def product(round_: Round) -> None:
    """A product is refused (no subscription, its daily cap, a firewall): the others are loaded, each hour."""
    chosen = round_.random
    status = chosen.choice([401, 429, 403])
    fault = {"body": b"<html>Forbidden by policy</html>"} if status == 403 else {}
    given: dict[str, object] = {"resources": [*RESOURCES, "one_call"]}
    round_.simulator.one_call_keys = "all"
    for _ in range(2):
        round_.simulator.inject(Fault(path="/data/3.0/onecall", status=status, **fault))
        error = round_.load_or_error(**given)
        if error is None or error.exit_code not in {3, 4}:
            round_.found.problems.append(f"One Call was refused with {status}, and the run ended with {error!r}")
        # the free product was loaded, whatever the run ended with
        round_.observed.append(round_.clock())
        round_.simulator.clear_faults()
        round_.pass_time()
    round_.found.note(f"One Call refused with {status}")
    round_.finish(**given)
    round_.examine_answers()
