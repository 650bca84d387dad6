"""No secret that the process was given leaves it: by value and by pattern, wherever it was set."""

from __future__ import annotations

import json
import logging
import os
import sys

import pytest
from pydantic import SecretStr

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.common.logs import log_formatter
from dlt_sources.weather.common.redaction import REDACTED, has_vault, known_secrets, redact, redact_body
from dlt_sources.weather.pipeline.load import load
from tests.helpers.command import run
from tests.helpers.support import columns, load_accounted, query
from tests.weather.common.test_secrets import files_with, kept_files  # noqa: F401 - a fixture

KEY = SecretStr("0123456789abcdef0123456789abcdef")
PASSWORD = "s3cret of the pr0xy"
QUOTED = "s3cret%20of%20the%20pr0xy"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", f"user:{PASSWORD}@proxy:3128"),
        ("https_proxy", f"http://user:{QUOTED}@proxy:3128"),
        ("ALL_PROXY", f"socks5://user:{PASSWORD}@proxy:3128"),
        ("DESTINATION__POSTGRES__CREDENTIALS", f"postgresql://user:{PASSWORD}@host:5432/db"),
        ("DESTINATION__MY_PG__CREDENTIALS", f"host=a password='{PASSWORD}' dbname=b"),
        ("DESTINATION__POSTGRES__CREDENTIALS", json.dumps({"username": "user", "password": PASSWORD})),
        ("DESTINATION__POSTGRES__CREDENTIALS__PASSWORD", PASSWORD),
        ("DAGSTER_POSTGRES_PASSWORD", PASSWORD),
        ("PGPASSWORD", PASSWORD),
        ("ALERTS__URLS", json.dumps([f"mailto://user:{PASSWORD}@host"])),
        ("SOURCES__WEATHER__API_KEY", PASSWORD),
    ],
)
def test_a_secret_of_the_environment_is_redacted_by_its_value_and_in_urls(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    for text in (f"failed: {value}", f"for user:{PASSWORD}@proxy", f"at {QUOTED}!", f"password {PASSWORD}"):
        if variable != "ALERTS__URLS" or text.startswith("failed"):
            said = redact(text, None)
            assert PASSWORD not in said
            assert QUOTED not in said
            assert REDACTED in said


def test_credentials_in_a_url_are_redacted_wherever_they_come_from():
    assert redact("no route to http://who:kn@ws@host:1/x", None) == f"no route to http://who:{REDACTED}@host:1/x"
    assert redact("see https://host:8080/a@b", None) == "see https://host:8080/a@b"


def test_a_file_of_secrets_is_read_as_well(monkeypatch, tmp_path):
    from dlt.common.configuration.container import Container  # noqa: PLC0415
    from dlt.common.configuration.specs import PluggableRunContext  # noqa: PLC0415

    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        f'[destination.postgres.credentials]\nhost = "weatherhost"\npassword = "{PASSWORD}"\n'
    )
    monkeypatch.chdir(tmp_path)
    Container()[PluggableRunContext].reload_providers()
    try:
        assert PASSWORD in known_secrets()
        assert "weatherhost" not in known_secrets()
    finally:
        (tmp_path / ".dlt" / "secrets.toml").unlink()
        Container()[PluggableRunContext].reload_providers()


@pytest.fixture
def without_dlt(monkeypatch, tmp_path):
    """Redact as a process does that has not imported dlt, in an empty folder."""
    monkeypatch.setattr("dlt_sources.weather.common.redaction._other_secrets", [])
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("without_dlt")
def test_the_key_and_passwords_of_the_file_are_redacted_without_dlt_and_those_that_replace_them(tmp_path):
    (tmp_path / ".dlt").mkdir()
    file = tmp_path / ".dlt" / "secrets.toml"
    for key in ("0123456789abcdef", "fedcba98765432100"):
        file.write_text(
            f'[sources.weather]\napi_key = "{key}"\n[destination.postgres.credentials]\nhost = "weatherhost"\n'
            f'password = "{PASSWORD}"\n[alerts]\nurls = ["json://host/token-of-{key}"]\n'
        )
        record = logging.LogRecord("x", 40, "x", 1, f"{key} {PASSWORD} json://host/token-of-{key}", (), None)
        line = json.loads(log_formatter("json").format(record))
        assert line["message"] == f"{REDACTED} {REDACTED} {REDACTED}"
        assert "weatherhost" not in known_secrets()
    file.write_text("no [TOML")
    assert key not in known_secrets()


@pytest.mark.usefixtures("without_dlt")
@pytest.mark.parametrize("user", [0, 1000])
@pytest.mark.parametrize("variables", [(), ("XDG_DATA_HOME",), ("DLT_PROJECT_DIR",)])
def test_without_dlt_secrets_are_looked_for_where_dlt_does(monkeypatch, tmp_path, user, variables):
    from dlt.common.configuration.providers import SecretsTomlProvider  # noqa: PLC0415
    from dlt.common.runtime.run_context import RunContext  # noqa: PLC0415

    from dlt_sources.weather.common.redaction import settings_files  # noqa: PLC0415

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: user)
    for variable in ("XDG_DATA_HOME", "DLT_PROJECT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    for variable in variables:
        monkeypatch.setenv(variable, str(tmp_path / "other"))
    context = RunContext(run_dir=None)
    asked = SecretsTomlProvider(context.settings_dir, context.global_dir).locations
    assert {os.path.normpath(path) for path in asked} <= {str(path) for path in settings_files("secrets.toml")}


@pytest.mark.usefixtures("without_dlt")
def test_a_vault_is_noticed_without_dlt(monkeypatch, tmp_path):
    assert not has_vault()
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text("# providers\n[sources.weather]\nunits = 'metric'\n")
    assert not has_vault()
    (tmp_path / ".dlt" / "config.toml").write_text("[sources.weather]\n[providers]\nenable_aws_secrets = true\n")
    assert has_vault()
    (tmp_path / ".dlt" / "config.toml").unlink()
    monkeypatch.setenv("PROVIDERS__ENABLE_GOOGLE_SECRETS", "true")
    assert has_vault()


def test_a_log_line_shows_no_secret_of_the_environment(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"user:{PASSWORD}@proxy:3128")
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "proxy said %s", (PASSWORD,), None)
    assert PASSWORD not in log_formatter("json").format(record)


def test_the_proxys_password_is_in_no_message_table_or_file(monkeypatch, duckdb, settings, clock, tmp_path, kept_files):  # noqa: ARG001, F811, PLR0917
    monkeypatch.setenv("HTTPS_PROXY", "user:proxypasswordproxy@127.0.0.1:9")
    report = load(duckdb, settings(base_url="https://api.openweathermap.org", locations=["1,1"], attempts=1), now=clock)
    assert "the proxy cannot be reached" in str(report.error)
    assert "proxypassword" not in str(report.error)
    assert "proxypassword" not in str(query(duckdb, "SELECT * FROM rejects"))
    assert files_with("proxypassword", tmp_path) == []
    finished = run("--location", "1,1", api="https://api.openweathermap.org")
    assert finished.code == 4, finished.said
    assert "the proxy cannot be reached" in finished.err
    assert "proxypassword" not in finished.said


@pytest.mark.parametrize("key", ["e", "like"])
def test_a_short_key_changes_no_answer_and_draws_a_warning(duckdb, settings, clock, simulator, caplog, key):  # noqa: PLR0917
    simulator.keys = {key}
    choice = settings(api_key=key, locations=["1,1"], resources=["current_weather"])
    load_accounted(duckdb, choice, clock)
    names = columns(duckdb, "current_weather")
    assert "main_feels_like" in names or "feels_like" in names
    assert not any("redacted" in name for name in names)
    assert "redacted" not in query(duckdb, "SELECT body FROM weather_raw")[0][0]
    assert caplog.text.count("shorter than 16 characters") == 1


def test_a_key_is_redacted_in_a_body_where_it_can_stand():
    key = KEY.get_secret_value()
    assert redact_body(f'{{"a":"{key}","b":"?appid=xy&c"}}', KEY) == f'{{"a":"{REDACTED}","b":"?appid={REDACTED}&c"}}'
    assert (
        redact_body('{"feels_like":1,"u":"?APPID=k"}', SecretStr("k")) == f'{{"feels_like":1,"u":"?APPID={REDACTED}"}}'
    )


def test_an_exception_that_ends_the_process_shows_no_secret(monkeypatch, capsys):
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    from dlt_sources.weather.common.redaction import print_redacted  # noqa: PLC0415

    try:
        raise RuntimeError(f"cannot connect with {PASSWORD}")
    except RuntimeError:
        print_redacted(*sys.exc_info())
    said = capsys.readouterr().err
    assert "RuntimeError: cannot connect with <redacted>" in said
    assert PASSWORD not in said


def test_a_key_in_a_body_is_redacted_before_it_is_kept(duckdb, settings, clock, simulator):
    simulator.keys = {"short"}
    simulator.inject(Fault(set={"next": "/?appid=short"}))
    load_accounted(duckdb, settings(api_key="short", locations=["1,1"], resources=["current_weather"]), clock)
    body = query(duckdb, "SELECT body FROM weather_raw")[0][0]
    assert "appid=short" not in body
    assert f"appid={REDACTED}" in body


def test_the_present_folder_is_no_secret(monkeypatch):
    monkeypatch.setenv("PWD", "/srv/weather")
    monkeypatch.setenv("OLDPWD", "/home/loader")
    monkeypatch.setenv("DB_PWD", "not-a-real-password")
    text = "/srv/weather/dlt and /home/loader/dlt: "
    assert redact(f"{text}not-a-real-password", None) == f"{text}<redacted>"
