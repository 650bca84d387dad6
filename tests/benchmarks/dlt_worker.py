"""The floor's rows by plain dlt: Arrow, parquet, merged by key, in one package; no raw answers, checks or journal."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.floor_worker import fetch, to_arrow

ROWS_PER_TABLE = 8_000


def main() -> None:
    """Do it for a file of URLs, a concurrency, a destination whose credentials the environment has, and the key."""
    path, concurrency, destination, *key = sys.argv[1:]
    table = to_arrow(asyncio.run(fetch(Path(path).read_text().split(), int(concurrency))))
    import dlt  # noqa: PLC0415 - after the answers, as the floor imports Arrow

    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True
    dlt.config["load.truncate_staging_dataset"] = True

    @dlt.resource(write_disposition={"disposition": "merge", "strategy": "upsert"}, primary_key=key)
    def plain() -> Iterator[object]:
        for start in range(0, table.num_rows, ROWS_PER_TABLE):
            yield table.slice(start, ROWS_PER_TABLE)

    dlt.pipeline("plain", destination=destination, dataset_name="bronze").run(plain(), loader_file_format="parquet")
    sys.stdout.write(json.dumps({"rows": table.num_rows}) + "\n")


if __name__ == "__main__":
    main()
