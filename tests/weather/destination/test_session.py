"""The session of a PostgreSQL connection: no setting of a server or a role changes the rows, none ends a load."""

import itertools
import os
from pathlib import Path
from urllib.parse import quote

import pytest
from dlt.destinations.impl.postgres.configuration import PostgresCredentials

from dlt_sources.weather.common.errors import ConfigurationError, DestinationError
from dlt_sources.weather.destination.postgres.advisory_locks import AdvisoryLocks
from dlt_sources.weather.destination.postgres.session import session_credentials
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from tests.helpers.support import load_accounted, query

CHOICE = {"resources": ["current_weather", "forecast"], "locations": [], "locations_file": "places.csv"}
PLACE = ["59.9139,10.7522"]
HOSTILE = {
    "client_encoding": "LATIN1",
    "datestyle": "German, DMY",
    "intervalstyle": "sql_standard",
    "timezone": "America/New_York",
    "extra_float_digits": "-15",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "serializable",
    "search_path": "pg_catalog",
    "idle_session_timeout": "1s",
    "idle_in_transaction_session_timeout": "1s",
    "statement_timeout": "1ms",
}


def rows(target):
    without_names = "to_jsonb(t) - '_dlt_load_id' - 'run_id' - 'raw'"
    return {
        table: query(target, f"SELECT {without_names} FROM {table} t ORDER BY 1::text")
        for table in ("locations", "current_weather", "forecast")
    }


def test_a_role_with_hostile_settings_gives_the_same_rows(postgres, postgres_server, settings, clock, monkeypatch):
    Path("places.csv").write_text("name,lat,lon\nMálaga,36.7,-4.4\nŻory,50.0,18.7\n", encoding="utf-8")
    load_accounted(postgres, settings(**CHOICE), clock)
    database = os.environ["DESTINATION__POSTGRES__CREDENTIALS"].rsplit("/", 1)[1]
    url = f"postgresql://hostile:x@127.0.0.1:{postgres_server.port}/{database}"
    postgres_server.psql(database, "CREATE ROLE hostile LOGIN SUPERUSER PASSWORD 'x'")
    for name, value in HOSTILE.items():
        postgres_server.psql(database, f"ALTER ROLE hostile SET {name} = {value!r}")
    expected = rows(postgres)
    postgres_server.psql(database, "DROP SCHEMA bronze CASCADE; DROP SCHEMA IF EXISTS bronze_staging CASCADE")
    try:
        with monkeypatch.context() as patch:
            patch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)
            hostile = Target("postgres")
            load(hostile, settings(**CHOICE), now=clock)
            with hostile.reader() as reader:
                read = reader.rows("SELECT query FROM {t} ORDER BY lat", t="locations")
        assert rows(postgres) == expected
    finally:
        postgres_server.psql(database, "DROP OWNED BY hostile CASCADE; DROP ROLE hostile")
    assert read == [("Málaga",), ("Żory",)]


def test_the_parameters_of_a_users_url_have_precedence():
    url = "postgresql://u:p@h/d?keepalives_idle=99&connect_timeout=3&options=-c%20statement_timeout%3D5s"
    query = session_credentials(PostgresCredentials(url)).get_query()
    assert (query["keepalives_idle"], query["connect_timeout"], query["tcp_user_timeout"]) == ("99", 3, 30_000)
    options = query["options"]
    assert options.rindex("statement_timeout=5s") > options.index("statement_timeout=1h")
    assert options.endswith("-ctimezone=UTC")


def test_a_database_that_is_read_only_refuses_a_load_but_not_who_may_write(
    postgres, postgres_server, settings, clock, monkeypatch
):
    choice = settings(resources=["current_weather"], locations=PLACE)
    load_accounted(postgres, choice, clock)
    database = os.environ["DESTINATION__POSTGRES__CREDENTIALS"].rsplit("/", 1)[1]
    postgres_server.psql(database, f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
    with pytest.raises(DestinationError, match="read-only"):
        load(Target("postgres"), choice, now=clock)
    # as the CronJob prune has it
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=off")
    load(Target("postgres"), choice, now=clock)


def test_a_password_of_any_characters_connects(postgres, postgres_server, settings, clock, monkeypatch, caplog):  # noqa: PLR0917 - fixtures
    password = "p w+ü:/?#[]@%&=;'\"\\"
    database = os.environ["DESTINATION__POSTGRES__CREDENTIALS"].rsplit("/", 1)[1]
    credentials = {"database": database, "username": "postgres", "password": password, "host": "127.0.0.1"}
    for name, value in credentials.items():
        monkeypatch.setenv(f"DESTINATION__SPELT__CREDENTIALS__{name.upper()}", value)
    monkeypatch.setenv("DESTINATION__SPELT__CREDENTIALS__PORT", str(postgres_server.port))
    monkeypatch.setenv("DESTINATION__SPELT__DESTINATION_TYPE", "postgres")
    load(Target("spelt"), settings(resources=["current_weather"], locations=PLACE), now=clock)
    assert query(postgres, "SELECT count(*) FROM current_weather") == [(1,)]
    # dlt's traces and exceptions are below this folder
    for spelt in (password, quote(password), quote(password, safe="")):
        assert spelt not in caplog.text
        assert not [file for file in Path().rglob("*") if file.is_file() and spelt.encode() in file.read_bytes()]


def test_a_pooler_that_lends_sessions_is_refused_with_what_to_do(postgres, settings, clock, monkeypatch, simulator):
    monkeypatch.setattr(AdvisoryLocks, "is_pooled", True)
    # in session mode all is well
    load_accounted(postgres, settings(resources=["current_weather"], locations=PLACE), clock)
    before = simulator.stats.calls
    pids = itertools.count(1)
    monkeypatch.setattr(AdvisoryLocks, "backend_pid", lambda _: next(pids))
    with pytest.raises(ConfigurationError, match="pool_mode = session"):
        load(postgres, settings(resources=["current_weather"], locations=PLACE), now=clock)
    assert simulator.stats.calls == before


def test_a_pooler_that_swallows_the_sessions_parameters_is_refused(postgres, settings, clock, monkeypatch):
    monkeypatch.setattr(AdvisoryLocks, "is_pooled", True)
    monkeypatch.setattr("dlt_sources.weather.destination.postgres.pooler._setting", lambda *_: "German,DMY")
    with pytest.raises(ConfigurationError, match="does not pass on datestyle"):
        load(postgres, settings(), now=clock)
