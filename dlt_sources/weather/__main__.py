"""``python -m dlt_sources.weather``: see ``--help``."""

import os

from dlt_sources.weather.memory import keep_memory_flat

# dlt reports usage to its makers unless told not to; kept if the user set it
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
keep_memory_flat()

from dlt_sources.weather.cli import main  # noqa: E402 - see keep_memory_flat

if __name__ == "__main__":
    main()
