"""Entry point of ``python -m dlt_sources.weather`` and of the script ``weather``; see ``--help``."""

import os

from dlt_sources.weather.common.process_memory import gc_frozen_imports, keep_memory_flat

# dlt reports usage to its makers by default; a value that the user has set is kept
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
keep_memory_flat()

with gc_frozen_imports():
    from dlt_sources.weather.cli import main

if __name__ == "__main__":
    main()
