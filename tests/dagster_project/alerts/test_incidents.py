"""Incidents as values: opened, repeated and resolved by runs and by the ages of assets, without a Dagster instance."""

from dagster_project.alerts.incidents import update_incidents
from dagster_project.alerts.sources.finished_runs import FinishedRun
from dagster_project.alerts.sources.names import asset_loaded, check_passed, job_succeeded
from dagster_project.alerts.sources.problems import Problem, merge_by_key

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
    left, (resolved,) = update(repeated, succeeded("third", "one"))
    assert left == {}
    assert (resolved.incident.key, resolved.incident.since, resolved.run_id) == ("error one", NOW, "third")


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


def announced(incidents):
    for incident in incidents.values():
        incident.announced, incident.announced_at = incident.level, NOW
    return incidents


def news(incidents, *runs, now=NOW):
    updated, _ = update(incidents, *runs, now=now)
    return [incident.news for incident in updated.values()]


def test_a_load_of_chosen_places_ends_no_incident_of_all_places_and_the_same_choice_ends_its_own():
    chosen = asset_loaded("one", chosen="1 place, abc")
    incidents, _ = update({}, failed("first"), failed("first", key="chosen", waits_for=frozenset([chosen])))
    left, resolved = update(incidents, FinishedRun("a job", "second", frozenset([chosen])))
    assert list(left) == ["error one"]
    assert [one.incident.key for one in resolved] == ["chosen"]
    left, resolved = update(incidents, succeeded("third", "one"))
    assert left == {}, "all places cover the chosen ones"
    assert len(resolved) == 2


def test_another_month_or_shard_ends_no_incident():
    incidents, _ = update({}, failed("first", waits_for=frozenset([asset_loaded("one", "2021-01-01")])))
    assert update(incidents, FinishedRun("a job", "second", frozenset([asset_loaded("one", "2021-02-01")]))).open
    assert not update(incidents, FinishedRun("a job", "second", frozenset([asset_loaded("one", "2021-01-01")]))).open


def test_an_incident_that_waits_for_something_nobody_runs_again_silences_no_later_outage():
    incidents, _ = update({}, failed("first", key="common"), failed("first", "month", key="common"))
    announced(incidents)
    incidents, _ = update(incidents, succeeded("second", "one"))
    assert news(incidents, failed("third", key="common", at=NOW + 60)) == [
        "It is back: a part of it had succeeded in between."
    ]
    assert news(incidents, failed("third", "other", key="common", at=NOW + 5 * HOUR)) == [
        "It is back, after 5 h without it."
    ]
    assert news(incidents, failed("third", "month", key="common", at=NOW + 60)) == [""], "it goes on"


def test_an_asset_explained_by_an_outage_of_hours_ago_is_late():
    incidents, _ = update({}, failed("first"))
    ages = {"one": NOW - HOUR}
    assert set(update(incidents, last_loads=ages, now=NOW + 2 * HOUR).open) == {"error one"}
    assert set(update(incidents, last_loads=ages, now=NOW + 4 * HOUR).open) == {"error one", "stale"}


def test_a_place_that_joins_those_without_data_is_told_and_one_that_leaves_them_is_not():
    def late(run_id, *places):
        waits_for = frozenset([check_passed("one", "locations_are_recent")])
        return failed(run_id, key="late", waits_for=waits_for, parts={place: f"{place}: no" for place in places})

    incidents, _ = update({}, late("first", "oslo"))
    assert incidents["late"].details == ["  oslo: no"]
    announced(incidents)
    assert news(incidents, late("second", "oslo")) == [""]
    incidents, _ = update(incidents, late("third", "oslo", "rome"))
    assert incidents["late"].news == "New since the last message: rome."
    assert incidents["late"].details == ["  oslo: no", "  rome: no"]
    incidents["late"].news = ""
    incidents, _ = update(incidents, late("fourth", "oslo"))
    assert incidents["late"].news == ""
    assert news(incidents, late("fifth", "oslo", "rome")) == ["New since the last message: rome."]


def test_what_a_retry_gets_was_no_incident_and_what_the_last_one_does_not_get_is_one_at_once():
    held, _ = update({}, failed("first", hold_seconds=1800))
    assert held["error one"].hold_until == NOW + 1800
    assert update(held, succeeded("second", "one")) == ({}, [])
    still, _ = update(held, failed("second", hold_seconds=1800, at=NOW + 60))
    assert still["error one"].hold_until == NOW + 1800
    last, _ = update(still, failed("third", at=NOW + 120))
    assert last["error one"].hold_until == 0


def test_problems_of_one_run_with_one_cause_are_one_problem():
    problems = [
        failed("first", name, key="error connection", description=f"{name}: 2 of 2 requests failed").problems[0]
        for name in ("one", "two", "three")
    ]
    (merged,) = merge_by_key(problems)
    assert merged.assets == ("one", "two", "three")
    assert merged.waits_for == {asset_loaded(name) for name in ("one", "two", "three")}
    assert merged.description == "one: 2 of 2 requests failed"
    assert merged.details == ("two: 2 of 2 requests failed", "three: 2 of 2 requests failed")


def test_a_shard_is_resolved_by_a_load_of_the_same_shard_or_of_all_and_by_no_other(monkeypatch):
    monkeypatch.setenv("WEATHER_SHARDS", "2")
    dead = frozenset([asset_loaded("bronze/one", "1-of-2"), asset_loaded("bronze/two", "1-of-2", "3 places, abc")])
    incidents, _ = update({}, failed("first", waits_for=dead | {job_succeeded("a job", "1-of-2")}))

    def after(*names):
        return update(incidents, FinishedRun("a job", "second", frozenset(names))).open.get("error one")

    other = [asset_loaded(f"bronze/{name}", "2-of-2") for name in ("one", "two")]
    assert len(after(*other, job_succeeded("a job", "2-of-2"), job_succeeded("another job")).waits_for) == 3
    same = [asset_loaded(f"bronze/{name}", "1-of-2") for name in ("one", "two")]
    assert after(*same, job_succeeded("a job", "1-of-2")) is None
    assert after(asset_loaded("bronze/one"), asset_loaded("bronze/two"), job_succeeded("a job")) is None


def test_an_incident_waits_for_the_present_shards_after_their_number_changed(monkeypatch):
    monkeypatch.setenv("WEATHER_SHARDS", "3")
    names = [asset_loaded("bronze/one", "2-of-4"), asset_loaded("bronze/history", "2021-01-01"), check_passed("a", "b")]
    incidents, _ = update({}, failed("first", waits_for=frozenset(names)))
    of_shards = [asset_loaded("bronze/one", f"{number}-of-3") for number in (1, 2, 3)]
    assert set(update(incidents).open["error one"].waits_for) == {*of_shards, *names[1:]}
    monkeypatch.delenv("WEATHER_SHARDS")
    whole = update(incidents).open
    assert set(whole["error one"].waits_for) == {asset_loaded("bronze/one"), *names[1:]}
    monkeypatch.setenv("WEATHER_SHARDS", "3")
    assert set(update(whole).open["error one"].waits_for) == {*of_shards, *names[1:]}
