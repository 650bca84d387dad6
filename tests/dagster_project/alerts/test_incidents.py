"""Incidents as values: opened, repeated and resolved by runs and by the ages of assets, without a Dagster instance."""

from dagster_project.alerts.incidents import update_incidents
from dagster_project.alerts.sources.problems import Problem, asset_loaded
from dagster_project.alerts.sources.run_events import FinishedRun

HOUR = 3600.0
NOW = 100 * HOUR


def failed(run_id, asset="one", **changes):
    fields = {
        "key": f"error {asset}",
        "subject": f"loading {asset} failed",
        "description": "no",
        "assets": (asset,),
        "waits_for": frozenset([asset_loaded(asset)]),
        "at": NOW,
        "run_id": run_id,
    }
    return FinishedRun("a job", run_id, problems=[Problem(**fields | changes)])


def succeeded(run_id, *assets):
    return FinishedRun("a job", run_id, frozenset(map(asset_loaded, assets)))


def update(incidents, *runs, last_loads=None, now=NOW):
    return update_incidents(incidents, runs, last_loads or {}, started=0.0, now=now)


def test_an_incident_opens_repeats_and_is_resolved_by_the_run_that_loads_its_asset():
    opened, resolved = update({}, failed("first"))
    assert resolved == []
    before = opened["error one"].model_copy(deep=True)
    repeated, _ = update(opened, failed("second", at=NOW + 1), succeeded("other", "two"))
    assert opened == {"error one": before}, "an update changes nothing that it is given"
    assert (repeated["error one"].count, repeated["error one"].last) == (2, NOW + 1)
    left, ((incident, run_id),) = update(repeated, succeeded("third", "one"))
    assert left == {}
    assert (incident.key, incident.since, run_id) == ("error one", NOW, "third")


def test_an_incident_of_several_assets_is_resolved_by_the_last_of_them():
    incidents, _ = update({}, failed("first", key="common"), failed("first", "two", key="common"))
    assert incidents["common"].assets == ["one", "two"]
    assert incidents["common"].count == 1, "one run has the problem once"
    incidents, resolved = update(incidents, succeeded("second", "one"))
    assert resolved == []
    assert incidents["common"].waits_for == [asset_loaded("two")]
    assert update(incidents, succeeded("third", "two")).open == {}


def test_an_incident_that_opens_and_ends_in_one_update_is_resolved():
    incidents, resolved = update({}, failed("first"), succeeded("second", "one"))
    assert incidents == {}
    assert [one.incident.key for one in resolved] == ["error one"]


def test_a_warning_that_becomes_an_error_takes_the_error_s_texts_and_keeps_them():
    incidents, _ = update(
        {},
        failed("first", level="warning", description="a little"),
        failed("second", subject="it failed", description="much"),
        failed("third", level="warning", description="a little"),
    )
    incident = incidents["error one"]
    assert (incident.level, incident.subject, incident.description, incident.count) == ("error", "it failed", "much", 3)


def test_late_assets_are_one_incident_unless_another_one_explains_them():
    ages = {"one": NOW - 2 * HOUR, "two": NOW - 2 * HOUR, "three": NOW - HOUR}
    incidents, _ = update({}, failed("first"), last_loads=ages)
    assert set(incidents) == {"error one", "stale"}
    assert incidents["stale"].assets == ["two"]
    assert incidents["stale"].level == "warning"
    incidents, resolved = update(incidents, last_loads=ages | {"two": NOW, "three": NOW})
    assert set(incidents) == {"error one"}
    assert [(one.incident.key, one.run_id) for one in resolved] == [("stale", None)]
