"""``health.py code|daemon|webserver``: exit 0 if the service of this container works.

Dagster's own commands for it import all of Dagster, which takes seconds of processor each time.
"""

import json
import os
import sys
from pathlib import Path
from urllib.request import urlopen

# the daemon writes its heartbeats every 30 seconds; Dagster calls it dead after 30 minutes
LONGEST_SILENCE = "3 minutes"


def code() -> bool:
    """Ask the code server, as Dagster's `grpc-health-check` does."""
    import grpc  # noqa: PLC0415 - each check imports only what it needs
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    with grpc.insecure_channel("127.0.0.1:4000") as channel:
        request = health_pb2.HealthCheckRequest(service="DagsterApi")
        answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=3)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def daemon() -> bool:
    """Look for the heartbeats of the daemon, all of them, in Dagster's records."""
    import psycopg2  # noqa: PLC0415

    password = Path(os.environ["DAGSTER_POSTGRES_PASSWORD_FILE"]).read_text()
    host = os.environ["DAGSTER_POSTGRES_HOST"]
    with psycopg2.connect(
        host=host, dbname="dagster", user="dagster", password=password, connect_timeout=3
    ) as database:
        cursor = database.cursor()
        cursor.execute(
            "SELECT coalesce(bool_and(timestamp > now() AT TIME ZONE 'UTC' - %s::interval), FALSE)"
            " FROM daemon_heartbeats",
            (LONGEST_SILENCE,),
        )
        return bool(cursor.fetchone()[0])


def webserver() -> bool:
    """Ask the webserver for its version."""
    with urlopen("http://127.0.0.1:3000/server_info", timeout=3) as answer:
        return "dagster_webserver_version" in json.load(answer)


if __name__ == "__main__":
    try:
        works = {"code": code, "daemon": daemon, "webserver": webserver}[sys.argv[1]]()
    except Exception as error:  # noqa: BLE001 - any failure is one answer
        sys.exit(f"{type(error).__name__}: {error}")
    sys.exit(0 if works else "it answers, but not as it should")
