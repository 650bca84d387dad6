"""Conditions of a PostgreSQL that its administrator can correct: every package waits for it, and none is set aside."""

import os

import pytest

from dlt_sources.weather.common.errors import DestinationError, RepairNeededError
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.quarantine import set_aside_packages
from tests.helpers.support import count, load_accounted, query

CHOICE: dict[str, object] = {"resources": ["current_weather"], "locations": ["40.4168,-3.7038", "59.9139,10.7522"]}
# statements that make the condition and that end it, a part of the sentence, and whether a person must end it
CONDITIONS = {
    "a table's permission": (
        "ALTER TABLE bronze.current_weather OWNER TO postgres; GRANT SELECT ON bronze.current_weather TO limited",
        "ALTER TABLE bronze.current_weather OWNER TO limited",
        "permission denied for table current_weather. Let the loader's role own",
        RepairNeededError,
    ),
    "a schema's permission": (
        "ALTER SCHEMA bronze_staging OWNER TO postgres",
        "ALTER SCHEMA bronze_staging OWNER TO limited",
        'schema "bronze_staging" already exists. The loader\'s role cannot see the schema: let it own',
        RepairNeededError,
    ),
    "a column's type": (
        "ALTER TABLE bronze.current_weather ALTER COLUMN humidity TYPE boolean USING true",
        "ALTER TABLE bronze.current_weather ALTER COLUMN humidity TYPE double precision USING 50",
        "A table is not as it was loaded before",
        RepairNeededError,
    ),
    "too many connections": (
        "ALTER ROLE limited CONNECTION LIMIT 2",
        "ALTER ROLE limited CONNECTION LIMIT -1",
        "too many connections",
        DestinationError,
    ),
    "a read-only role": (
        "ALTER ROLE limited SET default_transaction_read_only = on",
        "ALTER ROLE limited RESET default_transaction_read_only",
        "in a read-only transaction. The server takes no writes",
        RepairNeededError,
    ),
    "a role that may not log in": (
        "ALTER ROLE limited NOLOGIN",
        "ALTER ROLE limited LOGIN",
        'role "limited" is not permitted to log in',
        RepairNeededError,
    ),
}
WITHOUT_A_CONNECTION = ("too many connections", "a role that may not log in")
# no call is made that cannot be counted in the database
WITHOUT_A_CALL = (*WITHOUT_A_CONNECTION, "a read-only role")


@pytest.fixture
def limited(
    postgres,  # noqa: ARG001 - its database
    postgres_server,
    monkeypatch,
):
    """A role that may create schemas in the database, and nothing else; and what runs a statement as the superuser."""
    database = os.environ["DESTINATION__POSTGRES__CREDENTIALS"].rsplit("/", 1)[1]

    def administer(statements):
        for statement in statements.split("; "):
            postgres_server.psql(database, statement)

    administer(f"CREATE ROLE limited LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE {database} TO limited")
    url = f"postgresql://limited:x@127.0.0.1:{postgres_server.port}/{database}"
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)
    yield administer
    administer("DROP OWNED BY limited CASCADE; DROP ROLE limited")


@pytest.mark.parametrize("condition", CONDITIONS)
def test_what_an_administrator_can_correct_sets_no_package_aside(limited, settings, clock, condition):
    target = Target("postgres")
    spoil, correct, sentence, kind = CONDITIONS[condition]
    load_accounted(target, settings(**CHOICE), clock)
    clock.pass_time(hours=1)
    limited(spoil)
    for _ in range(4):
        with pytest.raises(DestinationError) as raised:
            load(target, settings(**CHOICE), now=clock)
        assert sentence in str(raised.value)
        assert type(raised.value) is kind
        assert "\n" not in str(raised.value)
    assert set_aside_packages(target) == []
    limited(correct)
    clock.pass_time(hours=1)
    finished_before = load_accounted(target, settings(**CHOICE), clock).finished_before
    assert finished_before == (condition not in WITHOUT_A_CONNECTION), "without a connection there is no package"
    assert count(target, "current_weather") == 4 + 2 * (condition not in WITHOUT_A_CALL)


def test_without_the_right_to_create_a_schema_the_first_package_waits(limited, settings, clock):
    target = Target("postgres")
    database = os.environ["DESTINATION__POSTGRES__CREDENTIALS"].rsplit("/", 1)[1]
    limited(f"REVOKE CREATE ON DATABASE {database} FROM limited")
    for _ in range(4):
        with pytest.raises(DestinationError, match=r"permission denied for database .*CREATE on the database"):
            load(target, settings(**CHOICE), now=clock)
    assert set_aside_packages(target) == []
    limited(f"GRANT CREATE ON DATABASE {database} TO limited")
    load_accounted(target, settings(**CHOICE), clock)


def test_duplicates_put_in_by_hand_leave_the_rows_loaded_and_are_told_once(postgres, settings, clock, caplog):
    load_accounted(postgres, settings(**CHOICE), clock)
    query(postgres, "DROP INDEX current_weather_key")
    query(postgres, "INSERT INTO current_weather SELECT * FROM current_weather")
    clock.pass_time(hours=1)
    report = load_accounted(postgres, settings(**CHOICE), clock)
    assert report.error is None
    (trouble,) = report.upkeep
    assert sum(trouble in record.getMessage() for record in caplog.records) == 1
    for statement in trouble.split("Run: ", 1)[1].split("; "):
        query(postgres, statement.removesuffix(";"))
    clock.pass_time(hours=1)
    assert load_accounted(postgres, settings(**CHOICE), clock).upkeep == []
    assert count(postgres, "current_weather") == 6


def test_a_missing_index_of_another_owners_table_is_told_with_the_statement(limited, settings, clock):
    target = Target("postgres")
    load_accounted(target, settings(**CHOICE), clock)
    limited("DROP INDEX bronze.current_weather_key; ALTER TABLE bronze.current_weather OWNER TO postgres")
    limited("GRANT ALL ON bronze.current_weather TO limited")
    clock.pass_time(hours=1)
    (trouble,) = load_accounted(target, settings(**CHOICE), clock).upkeep
    assert "must be owner of table current_weather. Run as the table's owner: CREATE UNIQUE INDEX" in trouble
    assert count(target, "current_weather") == 4
    limited("CREATE UNIQUE INDEX current_weather_key ON bronze.current_weather (location_id, dt)")
    limited("CREATE INDEX IF NOT EXISTS current_weather_loaded ON bronze.current_weather (_dlt_load_id)")
    clock.pass_time(hours=1)
    assert load_accounted(target, settings(**CHOICE), clock).upkeep == [], "the indexes are there"
