"""The least that dlt does: import it and load five rows into the destination that the argument names.

With ``like-the-product`` behind it, what the product cannot do without as well: the libraries that it asks and shows
with, and its eight tables, five rows each, as Arrow, merged by key.
"""

from __future__ import annotations

import sys

import dlt

ROWS = [{"place": number, "temp": 20.5} for number in range(5)]
TABLES = 8


def five_rows(pipeline: dlt.Pipeline) -> None:
    """Load five rows."""
    pipeline.run(ROWS, table_name="weather")


def like_the_product(pipeline: dlt.Pipeline) -> None:
    """Import what the product imports, and merge eight small tables."""
    import aiohttp  # noqa: F401, PLC0415 - importing them is what is measured
    import click  # noqa: F401, PLC0415
    import orjson  # noqa: F401, PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute  # noqa: PLC0415
    import pydantic  # noqa: F401, PLC0415
    import rich.progress  # noqa: F401, PLC0415
    import structlog  # noqa: F401, PLC0415

    resources = [
        dlt.resource(
            [pa.Table.from_pylist(ROWS)],
            name=f"weather_{number}",
            write_disposition={"disposition": "merge", "strategy": "upsert"},
            primary_key="place",
        )
        for number in range(TABLES)
    ]
    pipeline.run(resources, loader_file_format="parquet")


def main() -> None:
    """Load into the destination that the first argument names."""
    pipeline = dlt.pipeline("bare", destination=sys.argv[1], dataset_name="bare")
    (like_the_product if sys.argv[2:] == ["like-the-product"] else five_rows)(pipeline)


if __name__ == "__main__":
    main()
