"""``python -m dlt_sources.weather``: see ``--help``."""

import os

from dlt_sources.weather.common.process_memory import gc_frozen_imports, keep_memory_flat

# dlt reports usage to its makers unless told not to; kept if the user set it
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
keep_memory_flat()

with gc_frozen_imports():
    from dlt_sources.weather.cli import main

if __name__ == "__main__":
    main()
