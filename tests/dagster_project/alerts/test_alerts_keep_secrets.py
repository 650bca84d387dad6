"""Secrets: the API key, database passwords and parts of alert URLs are in no message, log, cursor, tick or check."""

import pytest
from dagster import Failure, serialize_value

from dlt_sources.openweather_simulator import Fault
from tests.dagster_project.alerts.notify.receivers import PASSWORD, TOKEN
from tests.helpers.clock import SENTINEL_KEY

DATABASE = "not-a-real-password"
SECRETS = (SENTINEL_KEY, DATABASE, PASSWORD, TOKEN)


@pytest.fixture
def assert_nowhere(ticks, receiver, capfd, logged, tmp_path):
    """Return a function that asserts that no secret was sent, logged or stored, nor is in any file of the instance."""

    def check():
        output = "".join(capfd.readouterr())
        assert "Alert: " in output, "the message was logged"
        # a process whose logs were set up for Dagster before has its lines on standard error only
        lines = [*logged, *output.splitlines()]
        assert any("Starting new HTTP connection" in line or "dlt" in line for line in lines)
        stored = "".join(map(serialize_value, ticks.checks)) + "".join(str(result) for result in ticks.results)
        assert receiver.got
        for secret in SECRETS:
            for text in (output, str(logged), str(receiver.got), ticks.cursor, stored):
                assert secret not in text
            for file in (tmp_path / "dagster").rglob("*"):
                assert (
                    not file.is_file() or b"alert" not in file.read_bytes() or secret.encode() not in file.read_bytes()
                )

    return check


def test_no_secret_is_sent_or_stored_though_errors_and_rows_name_them(  # noqa: PLR0917
    small, receiver, other, to, ticks, monkeypatch
):
    monkeypatch.setenv("OPENWEATHER_API_KEY", SENTINEL_KEY)
    other.status = 500
    to(receiver.url, other.url, dagster_url=f"https://people:{DATABASE}@dagster.example.org")
    text = (
        f"GET /weather?appid={SENTINEL_KEY} then {SENTINEL_KEY}, postgresql://loader:{DATABASE}@db:5432/weather,"
        f" host=db password={DATABASE}, posting to {receiver.url} and /{TOKEN} with {PASSWORD}"
    )
    # unredacted, as a careless step would raise it: only the alerts' own redaction is left
    small.error = lambda _: Failure(text, metadata={"error class": "IncompleteError", "what to do": text})
    small.rows = [{"location_id": text}]
    small.failing = {"one", "check two"}
    small.run()
    ticks()
    ticks(minutes=1)
    assert len(receiver.got) == 2
    assert str(receiver.got).count("<redacted>") > 8
    sent = str(receiver.got)
    assert "@db:5432/weather" in sent, "the rest of a URL stays"
    assert "@dagster.example.org/runs/" in sent
    for secret in SECRETS:
        assert secret not in sent + str(ticks.cursor)
    small.failing = set()
    small.run()
    ticks()
    assert len(receiver.got) == 4


def test_no_secret_is_anywhere_after_a_load_that_failed(  # noqa: PLR0917
    run_job, postgres, simulator, receiver, other, to, ticks, clock, assert_nowhere
):
    other.stop()
    to(receiver.url, other.url)
    simulator.inject(
        Fault(path="/data/2.5/forecast", status=401, body=f'{{"message": "No {SENTINEL_KEY} here"}}'.encode())
    )
    assert not run_job(postgres, "forecast").success
    ticks()
    assert receiver.titles == ["Weather loads fail: No <redacted> here"]
    simulator.clear_faults()
    clock.pass_time(hours=1)
    assert run_job(postgres, "forecast").success
    ticks()
    assert receiver.titles[1:] == ["Recovered: weather loads fail: No <redacted> here"]
    assert_nowhere()


def test_no_password_is_anywhere_after_a_destination_that_is_down(  # noqa: PLR0917
    run_job, postgres, receiver, to, ticks, assert_nowhere, monkeypatch
):
    to(receiver.url)
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", f"postgresql://loader:{DATABASE}@127.0.0.1:9/nowhere")
    assert not run_job(postgres, "forecast", "current_weather").success
    ticks(minutes=40)
    assert receiver.titles == ["Weather loads fail: DestinationError"]
    assert "What to do: The rows are kept" in receiver.got[0]["message"]
    assert_nowhere()
