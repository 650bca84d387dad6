"""The least that dlt does: import it and load five rows into the destination that the argument names."""

from __future__ import annotations

import sys

import dlt


def main() -> None:
    """Load five rows."""
    rows = [{"place": number, "temp": 20.5} for number in range(5)]
    dlt.pipeline("bare", destination=sys.argv[1], dataset_name="bare").run(rows, table_name="weather")


if __name__ == "__main__":
    main()
