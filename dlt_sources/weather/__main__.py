"""``python -m dlt_sources.weather``: see ``--help``."""

import os

# dlt reports usage to its makers unless told not to; set before dlt is imported, kept if the user set it
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")

from dlt_sources.weather.cli import main

if __name__ == "__main__":
    main()
