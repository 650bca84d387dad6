"""How rows are written to a destination: the merge strategy, the table format and the file format.

Every table is merged by its key: with ``upsert`` where the destination has it for the table format, else with
``delete-insert``, which is safe under the writer lock. A destination that has neither gets every row appended.

DuckDB has ``upsert``, but it takes more memory and time there than ``delete-insert``: 346 MB instead of 290 for the
current weather of 20,000 places, 413 instead of 355 for the forecast of 2,000; 19 s of processor time instead of 0.4 to
replace 40,000 rows of a forecast. Its file has one writer, so that nothing comes between the two statements.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal, NamedTuple, cast, get_args
from weakref import WeakKeyDictionary

import dlt
from dlt.common.configuration.container import Container
from dlt.common.destination import Destination, DestinationCapabilitiesContext
from dlt.common.destination.exceptions import DestinationCapabilitiesException
from dlt.common.destination.utils import resolve_merge_strategy
from dlt.common.pipeline import PipelineContext
from dlt.common.schema.typing import TTableFormat, TTableSchema, TWriteDispositionConfig
from dlt.common.schema.utils import new_table

from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.destination.capabilities import mistakes

# the type as dlt spells it in full, and the packages with which its tables are written
FILESYSTEM = "dlt.destinations.filesystem"
DUCKDB = "dlt.destinations.duckdb"
_PACKAGES = {"delta": "deltalake", "iceberg": "pyiceberg"}
MergeStrategy = Literal["upsert", "delete-insert"]
# before a pipeline says where rows go; every destination but a folder of plain files merges
MERGE: TWriteDispositionConfig = "merge"


class LoadOptions(NamedTuple):
    """How rows are written to a destination.

    Attributes:
        strategy: the merge strategy; None if rows are appended, since the destination cannot merge.
        table_format: ``delta``, ``iceberg`` or another that dlt has; None for the destination's usual tables.
        file_format: format of the files that dlt hands to the destination; None for the one that it prefers.
    """

    strategy: MergeStrategy | None = "upsert"
    table_format: str | None = None
    file_format: str | None = "parquet"

    @property
    def written_by(self) -> str:
        """The way in which rows are written, in a word."""
        return self.strategy or "append"

    @property
    def hints(self) -> dict[str, Any]:
        """The hints of a table, as ``dlt.mark.make_hints`` takes them."""
        hints: dict[str, Any] = {"write_disposition": "append"}
        if self.strategy:
            hints = {"write_disposition": {"disposition": "merge", "strategy": self.strategy}}
        return hints | ({"table_format": self.table_format} if self.table_format else {})


_known: WeakKeyDictionary[Any, LoadOptions] = WeakKeyDictionary()


def active_pipeline() -> dlt.Pipeline | None:
    """Return the pipeline that extracts at present, if there is one."""
    # dlt.current.pipeline() would create a pipeline if none is active, and takes some 15 ms, for each resource
    context = Container()[PipelineContext]
    return cast("dlt.Pipeline", context.pipeline()) if context.is_active() else None


def active_load_options() -> LoadOptions:
    """Return how the pipeline that extracts at present writes rows; without one, as most destinations do."""
    pipeline = active_pipeline()
    if pipeline is None or pipeline.destination is None:
        return LoadOptions()
    return load_options(pipeline.destination)


def load_options(destination: Destination[Any, Any]) -> LoadOptions:
    """Return how rows are written to a destination.

    Args:
        destination: the destination.

    Raises:
        ConfigurationError: the table format that is set for it is none that it has.
    """
    if destination not in _known:
        _known[destination] = options_of(destination, _table_format(destination))
    return _known[destination]


def ensure_fit(name: str, kind: str, *, is_readable: bool = True) -> None:
    """Refuse a destination that cannot keep each row once.

    Args:
        name: the destination, as the user named it.
        kind: its type.
        is_readable: whether dlt reads it with SQL, as far as is known.

    Raises:
        ConfigurationError: its type is one of those, or it cannot be read.
    """
    if problem := mistakes.unfit(name, kind, is_readable=is_readable):
        raise ConfigurationError(problem)


def ensure_table_format(name: str, destination: Destination[Any, Any]) -> None:
    """Refuse a table format that a destination does not have, or whose package is not installed.

    Args:
        name: the destination, as the user named it.
        destination: the destination.

    Raises:
        ConfigurationError: the format cannot be written.
    """
    table_format = load_options(destination).table_format
    package = _PACKAGES.get(table_format or "") if destination.destination_type == FILESYSTEM else None
    if package and find_spec(package) is None:
        error = ModuleNotFoundError(name=package)
        raise ConfigurationError(mistakes.missing_packages(f"{name} ({table_format})", package, error))


def options_of(destination: Destination[Any, Any], table_format: str | None = None) -> LoadOptions:
    """Return how rows are written to a destination in a table format, by what dlt says that it can do.

    Args:
        destination: the destination, whose driver is not needed.
        table_format: format of the tables; None for the usual ones.
    """
    capabilities = destination.capabilities()
    table = new_table("any", write_disposition="merge")
    if table_format:
        table["table_format"] = cast("TTableFormat", table_format)
    formats = capabilities.supported_loader_file_formats or ()
    if capabilities.loader_file_format_selector:
        preferred = capabilities.preferred_loader_file_format
        _, formats = capabilities.loader_file_format_selector(preferred, formats, table_schema=table)
    strategies = ("delete-insert",) if destination.destination_type == DUCKDB else get_args(MergeStrategy)
    strategy = next((one for one in strategies if _can_merge(capabilities, table, one)), None)
    return LoadOptions(strategy, table_format, "parquet" if "parquet" in (formats or ()) else None)


def _can_merge(capabilities: DestinationCapabilitiesContext, table: TTableSchema, strategy: MergeStrategy) -> bool:
    table["x-merge-strategy"] = strategy  # type: ignore[typeddict-unknown-key]
    try:
        return resolve_merge_strategy({"any": table}, table, capabilities) == strategy
    except DestinationCapabilitiesException:
        return False


def _table_format(destination: Destination[Any, Any]) -> str | None:
    """Return the setting ``table_format`` of a destination, next to dlt's settings of it."""
    name = destination.destination_name
    value: str | None = dlt.config.get(f"destination.{name}.table_format")
    supported = destination.capabilities().supported_table_formats or ()
    if value is None or value in supported:
        return value
    raise ConfigurationError(mistakes.unknown_table_format(name, value, supported))
