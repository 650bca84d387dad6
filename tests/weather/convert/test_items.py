"""dlt items: their hints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt

from dlt_sources.weather.contracts import AirPollution
from dlt_sources.weather.convert.items import as_table


def test_an_item_leaves_out_descriptions_that_the_schema_has(tmp_path: Path) -> None:
    pipeline = dlt.pipeline("items", destination=dlt.destinations.duckdb(str(tmp_path / "w.db")), dataset_name="bronze")
    sent: list[set[str]] = []

    def rows() -> Iterator[Any]:
        for _ in range(2):
            item = as_table(AirPollution, AirPollution.arrow_schema().empty_table())
            sent.append(set(item.meta.hints["columns"]))
            yield item

    for _ in range(2):
        pipeline.extract(dlt.resource(rows, name="air_pollution"))
        pipeline.normalize()

    assert sent == [set(AirPollution.hints()), {"other_fields"}, {"other_fields"}, {"other_fields"}]
    columns = pipeline.default_schema.tables["air_pollution"]["columns"]
    assert {name: columns[name]["description"] for name in AirPollution.hints()} == {
        name: hint["description"] for name, hint in AirPollution.hints().items()
    }
    assert columns["other_fields"]["data_type"] == "json"
