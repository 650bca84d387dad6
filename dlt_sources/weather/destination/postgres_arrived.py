"""Whether a package's rows stand in PostgreSQL's tables: the last account of a load.

dlt counts what it wrote to files. What it copies to its staging tables it merges from there, whatever is in them by
then; a writer whose lock is lost (PostgreSQL frees it when the connection is cut) may empty them at that moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.errors import DestinationError
from dlt_sources.weather.contracts import TABLES


def ensure_arrived(client: SqlClientBase[Any], load_ids: Sequence[str], rows: Counter[str]) -> None:
    """Count a load's rows in the tables, which are found by their ``_dlt_load_id``.

    Args:
        client: the open connection.
        load_ids: of the packages that were loaded.
        rows: how many each table was sent; tables that are not ours are passed over.

    Raises:
        DestinationError: a table has fewer.
    """
    sent = {table: rows[table] for table in sorted(TABLES.keys() & rows.keys()) if rows[table]}
    if not sent:
        return
    counts = [
        f"(SELECT count(*) FROM {client.make_qualified_table_name(table)} WHERE {C_DLT_LOAD_ID} = ANY(%s))"
        for table in sent
    ]
    rows_found = client.execute_sql(f"SELECT {', '.join(counts)}", *[list(load_ids)] * len(sent))
    found = dict(zip(sent, rows_found[0], strict=True)) if rows_found else {}
    short = [
        f"{sent[table] - found[table]} of {sent[table]} rows of {table}" for table in sent if found[table] < sent[table]
    ]
    if short:
        raise DestinationError(
            f"{', '.join(short)} did not arrive: somebody else wrote to the dataset's staging tables at the same time. "
            "The package is kept and the next run loads it again."
        )
