"""Entry point of ``python -m dlt_sources.weather`` and of the script ``weather``; see ``--help``."""

import os
import sys
from contextlib import suppress

from dlt_sources.weather.common.interrupts import end_by_signals_in_order, settle
from dlt_sources.weather.common.process_memory import gc_frozen_imports, keep_memory_flat

end_by_signals_in_order()

# a stream that the caller has closed: the next file to be opened, perhaps a database, would take its place and text
with suppress(OSError):
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)

# dlt reports usage to its makers by default; a value that the user has set is kept
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
keep_memory_flat()

try:
    with gc_frozen_imports():
        from dlt_sources.weather.cli import main
except KeyboardInterrupt:
    # nothing has begun
    settle(130)
    sys.exit(130)

if __name__ == "__main__":
    main()
