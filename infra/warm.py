"""Compile what the processes of the image import, and nothing else: `python warm.py`, in the image, as root.

Byte code of every installed module would be 110 MB, of which a third is never imported. What this misses is compiled at
each start: `tests/image.sh` counts it.
"""

import importlib
import pkgutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec

LOADER = ["dlt.destinations.impl.postgres.postgres", "adbc_driver_postgresql.dbapi", "uvicorn"]
ORCHESTRATION = [
    "apprise.plugins.slack",
    "dagster._cli",
    "dagster._daemon.cli",
    "dagster._grpc.server",
    "dagster_k8s.launcher",
    "dagster_webserver.app",
    "matplotlib.backends.backend_agg",
]


def main() -> None:
    """Import the modules of the project, and those that libraries import late; then run the demonstration."""
    orchestration = find_spec("dagster_project") is not None
    for name in ["dlt_sources", "dagster_project"] if orchestration else ["dlt_sources"]:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for name in LOADER + (ORCHESTRATION if orchestration else []):
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        for command in (["--demo"], ["status", "--demo"], ["prune", "--demo"]):
            subprocess.run([sys.executable, "-m", "dlt_sources.weather", *command], cwd=folder, check=True)  # noqa: S603


if __name__ == "__main__":
    main()
