"""Write the tables of ``docs/tables.md`` from the contracts: ``uv run python docs/make_tables.py``.

A column, its type and its description are written once, in the contract. The introduction of the page, above ``MARK``,
is written by hand. A test fails when the page and the contracts differ.
"""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa

from dlt_sources.weather.api.endpoints import ENDPOINTS, LOCATIONS, Endpoint
from dlt_sources.weather.contracts import TABLES, Contract
from dlt_sources.weather.contracts.base import TIMESTAMP, Column
from dlt_sources.weather.contracts.one_call import TAGS_JSON
from dlt_sources.weather.contracts.shared import ALERTS_JSON, CONDITIONS_JSON
from dlt_sources.weather.contracts.units import unit_of
from dlt_sources.weather.destination.published.views import VIEWS, View
from dlt_sources.weather.destination.published.views.model import LOCAL_TIME

PAGE = Path(__file__).with_name("tables.md")
TYPES = {
    pa.float64(): "double",
    pa.int64(): "bigint",
    pa.string(): "text",
    pa.bool_(): "boolean",
    TIMESTAMP: "timestamp",
    LOCAL_TIME: "timestamp without time zone",
}
# contracts name these columns' values; the API does not
LIFTED = {CONDITIONS_JSON: "weather", ALERTS_JSON: "alerts", TAGS_JSON: "tags"}

MARK = "<!-- Made from the contracts by docs/make_tables.py: a change below this line is lost. -->"


def page(current: str) -> str:
    """Return the current page's Markdown with its tables made again."""
    introduction, mark, _ = current.partition(MARK)
    tables = [_section(contract) for contract in TABLES.values()]
    views = [_view_section(view) for view in VIEWS.values()]
    sections = [introduction + mark, _overview(), *tables, *views]
    return "\n\n".join(sections) + "\n"


def _overview() -> str:
    lines = ["| Table | One row per | Key | From |", "| --- | --- | --- | --- |"]
    for contract in TABLES.values():
        key = ", ".join(contract.key)
        lines.append(f"| [`{contract.table}`](#{contract.table}) | {_grain(contract)} | {key} | {_origin(contract)} |")
    return "\n".join(lines)


def _section(contract: type[Contract]) -> str:
    lines = [f"## {contract.table}", "", f"{_text(contract)} Key: {', '.join(f'`{name}`' for name in contract.key)}."]
    if origins := [_where(endpoint, contract) for endpoint in _endpoints(contract)]:
        lines[-1] += f" From {'; or from '.join(origins)}."
    lines += ["", "| Column | Type | Unit | Null | Description | API field |", "| --- | --- | --- | --- | --- | --- |"]
    for column in contract.columns():
        required = column.name in contract.key or (column.required and column.null_when is None)
        cells = [
            f"`{column.name}`",
            "json" if column.json else TYPES[column.type],
            unit_of(column),
            "no" if required else "yes",
            column.description,
            _field(contract, column),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _view_section(view: View) -> str:
    lines = [f"## {view.name}", "", view.description, "", "```sql", view.example, "```", ""]
    lines += ["| Column | Type | Unit | Description |", "| --- | --- | --- | --- |"]
    for column in view.columns:
        lines.append(f"| `{column.name}` | {TYPES[column.type]} | {column.unit} | {column.description} |")
    return "\n".join(lines)


def _text(contract: type[Contract]) -> str:
    """Return the first paragraph of the contract's docstring, on one line, with Markdown's code marks."""
    paragraph = (contract.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.split()).replace("``", "`")


def _grain(contract: type[Contract]) -> str:
    sentence = re.split(r"[.;:] ", _text(contract))[0].rstrip(".")
    grain = re.sub(r"^(A|An|One(?! of)) ", "", sentence)
    return grain[0].lower() + grain[1:]


def _endpoints(contract: type[Contract]) -> list[Endpoint]:
    return [one for one in ENDPOINTS if contract.table in one.tables]


def _where(endpoint: Endpoint, contract: type[Contract]) -> str:
    member = next(part.member for part in endpoint.parts if part.contract is contract)
    return f"`{endpoint.path}`, {f'one entry of `{member}`' if member else 'the answer itself'}"


def _around(contract: type[Contract]) -> dict[str, str]:
    """Return the paths of the columns that are read from the answer around the rows."""
    return dict(pair for one in ENDPOINTS for part in one.parts if part.contract is contract for pair in part.around)


def _origin(contract: type[Contract]) -> str:
    if endpoints := _endpoints(contract):
        paths = [f"`{e.path}`" + ("" if e.by_default else f", only with `--resources {e.name}`") for e in endpoints]
        return "; ".join(paths)
    return "`/geo/1.0`, or your coordinates" if contract.table == LOCATIONS else "the pipeline"


def _field(contract: type[Contract], column: Column) -> str:
    path = ".".join(column.path) or _around(contract).get(column.name, "")
    path = LIFTED.get(path, path)
    if path.startswith("weather."):
        path = path.replace("weather.", "weather[0].")
    return f"`{path}`" if path else "added"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
