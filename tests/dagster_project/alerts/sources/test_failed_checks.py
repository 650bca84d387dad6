"""Problems of checks that find places without data: one incident, with the advice that its causes call for."""

import pytest
from dagster import AssetCheckEvaluation, AssetCheckSeverity, AssetKey, MetadataValue

from dagster_project.alerts.sources.failed_checks import (
    LASTING,
    OF_BUDGET,
    PASSING,
    UNKNOWN,
    failed_check,
    without_repeats,
)
from dagster_project.alerts.sources.problems import merge_by_key

SERVER_ERROR = "server_error: Internal error: 500001"


def late(resource="forecast", cause=SERVER_ERROR, place="madrid,es", newest=None):
    return problem(
        "locations_are_recent",
        resource,
        f"{resource}: 1 of 5 places without recent rows: {place}, {cause}.",
        {
            "rows": [{"location_id": place, "query": place, "newest": newest, "cause": cause}],
            "late_places": 1,
            "places": 12,
        },
    )


def failing(resource="forecast", place="madrid,es", rejected=0.0):
    return problem(
        "reject_rate",
        resource,
        f"{resource}: 1 of 5 places failed, for example: Internal error: 500001",
        {
            "rows": [{"location_id": place, "cause": SERVER_ERROR, "since": "2026-05-20T12:00:00Z"}],
            "rows_rejected_rate": rejected,
            "places_failing": 1,
            "places": 12,
        },
    )


def problem(check, resource, description, metadata):
    values = {name: MetadataValue.json(value) if name == "rows" else value for name, value in metadata.items()}
    evaluation = AssetCheckEvaluation(
        asset_key=AssetKey(["bronze", resource]),
        check_name=check,
        passed=False,
        description=description,
        metadata={
            name: value if name == "rows" else MetadataValue.float(float(value)) for name, value in values.items()
        },
        severity=AssetCheckSeverity.WARN,
    )
    return failed_check(evaluation, 1000.0, "run", hold_seconds=1800.0)


@pytest.mark.parametrize(
    ("cause", "advice", "hold"),
    [
        (SERVER_ERROR, PASSING, 1800.0),
        ("timeout: no answer", PASSING, 1800.0),
        ("not_found: city not found", LASTING, 0.0),
        ("location 3: this is no latitude", LASTING, 0.0),
        ("key_refused: Invalid API key", UNKNOWN, 0.0),
        ("The budget of One Call is spent: 1,000 of 1,000 calls a day, one_call.calls_per_day.", OF_BUDGET, 0.0),
        (None, UNKNOWN, 1800.0),
    ],
)
def test_the_advice_follows_the_cause_and_what_a_try_may_get_waits_for_the_tries(cause, advice, hold):
    found = late(cause=cause)
    assert found.advice == advice
    assert found.hold_seconds == hold


def test_one_place_that_fails_everywhere_is_one_problem_and_said_once():
    found = [one for name in ("forecast", "current_weather") for one in (failing(name), late(name))]
    (merged,) = merge_by_key(without_repeats(found))
    assert merged.description == "1 of 12 places gets no data: madrid,es: Internal error: 500001."
    assert merged.details == ()
    assert merged.parts == {"madrid,es": "madrid,es: nothing yet; Internal error: 500001"}
    assert merged.assets == ("bronze/forecast", "bronze/current_weather")


def test_causes_of_several_kinds_are_told_with_the_advice_for_each_at_once():
    (merged,) = merge_by_key([late(), late("current_weather", "not_found: city not found", "rome,it")])
    assert (merged.advice, merged.hold_seconds) == (f"{PASSING} {LASTING}", 0.0)


def test_a_place_that_fails_before_its_rows_are_old_opens_the_incident_that_goes_on_when_they_are():
    (first,) = without_repeats([failing()])
    assert (first.key, first.advice, first.hold_seconds) == (late().key, PASSING, 1800.0)
    assert first.parts.keys() == late().parts.keys()
    both = without_repeats([failing(place="rome,it"), late()])
    assert len(both) == 2, "another place"


def test_the_count_and_the_names_are_of_all_places_that_several_checks_name_and_since_is_the_first_without_data():
    late_one = late(cause="not_found: city not found", place="oslo,no", newest="1970-01-01T00:10:00Z")
    others = [failing(place=place) for place in ("rome,it", "bonn,de", "lima,pe", "caen,fr", "gent,be")]
    (merged,) = merge_by_key([late_one, *others])
    assert merged.description == (
        "6 of 12 places get no data: oslo,no; rome,it; bonn,de; lima,pe; caen,fr and 1 more:"
        " city not found; Internal error: 500001."
    )
    assert merged.details == ()
    assert merged.since == 600.0


def test_rows_that_are_rejected_are_an_incident_of_their_own():
    assert failing(rejected=0.5).key == "check reject_rate"
