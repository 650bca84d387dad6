"""The least that could be done for the same rows: fetch at once, parse, one bulk insert into a plain table.

No retry, no limit, no check, no key, no second run: it is what a load costs before it can be trusted. Without
credentials it only fetches, to warm the simulator up.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
import orjson


async def fetch(urls: list[str], concurrency: int) -> list[bytes]:
    """Fetch every URL, so many at a time."""
    bodies: list[bytes] = []
    source = iter(urls)

    async def work(session: aiohttp.ClientSession) -> None:
        for url in source:
            async with session.get(url) as response:
                response.raise_for_status()
                bodies.append(await response.read())

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:
        await asyncio.gather(*(work(session) for _ in range(concurrency)))
    return bodies


def to_arrow(bodies: list[bytes]) -> Any:
    """Parse the answers into one flat Arrow table."""
    import pyarrow as pa  # noqa: PLC0415 - fetching alone does without

    records: list[dict[str, Any]] = []
    for body in bodies:
        data = orjson.loads(body)
        point = data["coord"] if "coord" in data else data.get("city", {"coord": data})["coord"]
        place = f"{point['lat']},{point['lon']}"
        for record in data.get("list") or data.get("data") or [data]:
            record["location_id"] = place
            for name in ("weather", "alerts"):
                if name in record:
                    record[name] = orjson.dumps(record[name]).decode()
            records.append(record)
    table = pa.Table.from_struct_array(pa.array(records))
    while any(pa.types.is_struct(column.type) for column in table.schema):
        table = table.flatten()
    return table.rename_columns([name.replace(".", "_") for name in table.column_names])


def insert(table: Any, destination: str, credentials: str) -> None:
    """Write the table at once: one Arrow insert, one COPY."""
    if destination == "duckdb":
        import duckdb  # noqa: PLC0415

        with duckdb.connect(credentials) as connection:
            connection.register("answers", table)
            connection.execute("CREATE TABLE plain AS SELECT * FROM answers")
        return
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415

    with dbapi.connect(credentials) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest("plain", table, mode="create")
        connection.commit()


def main() -> None:
    """Do it for a file of URLs, a concurrency and, unless only to fetch, a destination and its credentials."""
    path, concurrency, *where = sys.argv[1:]
    bodies = asyncio.run(fetch(Path(path).read_text().split(), int(concurrency)))
    said: dict[str, object] = {"calls": len(bodies)}
    if where:
        table = to_arrow(bodies)
        insert(table, *where)
        said["rows"] = table.num_rows
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
