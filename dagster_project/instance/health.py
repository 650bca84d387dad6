"""``python -m dagster_project.instance.health code|daemon|webserver``: exit 0 if the process of this container works.

For probes: a failure restarts the container. So the daemon of a database that is away counts as working, since no
restart of it brings the database back, and every restart costs the runs' supervision. Dagster's own commands for it
import all of Dagster, 2 seconds of processor each time, and fail with the database.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

# each thread of the daemon writes its heartbeat every 30 seconds; Dagster calls it dead after 30 minutes
LONGEST_SILENCE = "5 minutes"
CODE_PORT, WEBSERVER_PORT = 4000, 3000
# the newest process alone: of one before it, and of threads that a setting has ended, old heartbeats stay
HEARTBEATS = f"""
    SELECT coalesce(bool_and(timestamp > now() AT TIME ZONE 'UTC' - interval '{LONGEST_SILENCE}'), FALSE)
    FROM daemon_heartbeats
    WHERE daemon_id = (SELECT daemon_id FROM daemon_heartbeats ORDER BY timestamp DESC LIMIT 1)
"""


def code_works() -> bool:
    """Ask the code server, as Dagster's `grpc-health-check` does; it listens once its definitions are loaded."""
    # each check imports only what it needs
    import grpc  # type: ignore[import-untyped]  # noqa: PLC0415
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # noqa: PLC0415

    with grpc.insecure_channel(f"127.0.0.1:{CODE_PORT}") as channel:
        request = health_pb2.HealthCheckRequest(service="DagsterApi")
        answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=3)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def daemon_works() -> bool:
    """Look for the heartbeats of the daemon's threads in Dagster's records; True if the database is away."""
    import psycopg2  # noqa: PLC0415 - each check imports only what it needs

    file = os.environ.get("DAGSTER_POSTGRES_PASSWORD_FILE")
    try:
        database = psycopg2.connect(
            host=os.environ["DAGSTER_POSTGRES_HOST"],
            port=os.environ.get("DAGSTER_POSTGRES_PORT", "5432"),
            dbname=os.environ.get("DAGSTER_POSTGRES_DB", "dagster"),
            user=os.environ.get("DAGSTER_POSTGRES_USER", "dagster"),
            password=Path(file).read_text().strip() if file else os.environ.get("DAGSTER_POSTGRES_PASSWORD"),
            connect_timeout=3,
            options="-c statement_timeout=3s",
        )
        with closing(database), database.cursor() as cursor:
            cursor.execute(HEARTBEATS)
            return bool(cursor.fetchone()[0])
    except psycopg2.OperationalError as error:
        print(f"the database is away: {error}", file=sys.stderr)  # noqa: T201 - a probe's message
        return True


def webserver_works() -> bool:
    """Ask the webserver for its version."""
    with urlopen(f"http://127.0.0.1:{WEBSERVER_PORT}/server_info", timeout=3) as answer:
        return "dagster_webserver_version" in json.load(answer)


CHECKS = {"code": code_works, "daemon": daemon_works, "webserver": webserver_works}


def main() -> None:
    """Exit with 0 if the process works, else with a sentence."""
    try:
        works = CHECKS[sys.argv[1]]()
    except Exception as error:  # noqa: BLE001 - any failure is one answer
        sys.exit(f"{type(error).__name__}: {error}")
    sys.exit(0 if works else "it answers, but not as it should")


if __name__ == "__main__":
    main()
