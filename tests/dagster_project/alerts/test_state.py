"""Alert state: cursors that earlier releases stored are still understood, and stay readable to them."""

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
from pydantic import ValidationError

from dagster_project.alerts.state import AlertState

# as the sensor stored it before fields were renamed; the receivers' ports are placeholders
OLD_CURSOR = Path(__file__).with_name("cursor_before_renaming.json").read_text(encoding="utf-8")
NOW = 1795696184.0


def test_an_old_cursor_is_read_and_written_unchanged():
    stored = json.loads(OLD_CURSOR)
    state = AlertState.model_validate_json(OLD_CURSOR)
    assert json.loads(state.model_dump_json(exclude_defaults=True)) == stored
    incident = state.open["error ValueError two"]
    assert incident.assets == ["two"]
    assert incident.description == "ValueError: no two today"
    assert incident.advice.startswith("Look at the run's log.")
    assert incident.held_back
    assert state.waiting[0].undelivered_to == ["json://127.0.0.1:{failing}"]
    assert state.reported == {"json://127.0.0.1:{failing}": "HTTP status 500"}


def test_a_field_without_its_stored_name_is_no_cursor():
    with pytest.raises(ValidationError):
        AlertState.model_validate_json('{"something": "else"}')


def test_an_old_cursor_goes_on_where_its_tick_ended(small, receiver, other, to, ticks):
    to(receiver.url, other.url, most_an_hour=2)
    # the events that the old release had read: a later id is news, these are not
    read = ticks.state
    cursor = OLD_CURSOR.replace("{working}", str(receiver.port)).replace("{failing}", str(other.port))
    ticks.cursor = json.dumps(json.loads(cursor) | {"position": read.position, "handled": read.handled})
    ticks.ahead = datetime.fromtimestamp(NOW, timezone.utc) - datetime.now(timezone.utc)

    small.run("one")
    ticks(minutes=10)
    assert receiver.got == [], "two messages went in that hour"
    assert other.titles == ["Warning: check no_duplicate_keys of four warns", "Loading one failed: ValueError"]
    assert ticks.checks[-1].passed
    ticks(hours=2)
    assert receiver.titles == ["Recovered: loading one failed: ValueError", "2 incident(s)"]
    assert "3 message(s) were held back" in receiver.got[0]["message"]
    assert "Loading two failed: ValueError: ValueError: no two today" in receiver.got[1]["message"]
    assert "A run of __ASSET_JOB died: The run's process is gone" in receiver.got[1]["message"]
    small.run()
    ticks(hours=2)
    assert receiver.titles[2:] == ["Recovered: check no_duplicate_keys of four warns", "2 recovered"]
