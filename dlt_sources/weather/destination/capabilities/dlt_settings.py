"""dlt's settings that every run needs, and a destination's capabilities, read as rarely as possible.

For each package dlt reads its configuration of the destination some twenty times. It looks every field up in the
environment, and then in ``.dlt/config.toml`` unless that is empty; a value that is set with ``dlt.config`` counts as a
value of that file. So the command line sets these values in its environment. A program whose environment belongs to
others, like Dagster's code location, gets them in ``dlt.config``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import dlt
from dlt.common.destination import Destination, DestinationCapabilitiesContext
from dlt.common.destination.capabilities import LoaderFileFormatSelector
from dlt.common.normalizers.naming import NamingConvention
from dlt.common.schema.typing import TTableSchema

SETTINGS = {
    # every row names its load; dlt leaves that out of Arrow tables by default
    "normalize.parquet_normalizer.add_dlt_load_id": True,
    # merged rows need no second copy in the destination
    "load.truncate_staging_dataset": True,
    # the caller handles signals: dlt would intercept the first one during a load, and may forget it
    "runtime.intercept_signals": False,
}


def set_in_environment() -> None:
    """Set the settings for this process and those that it starts; a variable that the user has set is kept."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name.replace(".", "__").upper(), str(value).lower())


def ensure_set() -> None:
    """Set the settings in ``dlt.config``, unless dlt has their values already."""
    for name, value in SETTINGS.items():
        if dlt.config.get(name, bool) != value:
            dlt.config[name] = value


def compute_capabilities_once(destination: Destination[Any, Any]) -> Destination[Any, Any]:
    """Let a destination compute its capabilities once for each naming convention, not for each step of a package.

    Args:
        destination: the destination; its configuration must not change any more.
    """
    compute = destination.capabilities
    computed: dict[type[NamingConvention] | type[None], DestinationCapabilitiesContext] = {}

    def capabilities(config: Any = None, naming: NamingConvention | None = None) -> DestinationCapabilitiesContext:
        if config is not None:
            # a configuration that is resolved already: nothing is read
            return compute(config, naming)
        kind = type(naming)
        if kind not in computed:
            computed[kind] = _with_formats_selected_once(compute(None, naming))
        # dlt changes what it gets: the file formats, where a staging destination has fewer
        return computed[kind].copy()

    destination.capabilities = capabilities  # type: ignore[method-assign]
    return destination


def _with_formats_selected_once(capabilities: DestinationCapabilitiesContext) -> DestinationCapabilitiesContext:
    """Let file formats be selected once for each kind of table, not for each table of each package.

    dlt selects PostgreSQL's by opening an ADBC database without an address, to see whether the driver is installed.
    ADBC frees nothing of one that it could not open: 17 kB a table, 0.1 MB a load (adbc-driver-manager 1.13).
    """
    if select := capabilities.loader_file_format_selector:
        # a partial function, since dlt pickles the capabilities for its worker processes
        selector = partial(_selected_once, select, {})
        capabilities.loader_file_format_selector = selector  # type: ignore[assignment]
    return capabilities


def _selected_once(
    select: LoaderFileFormatSelector,
    selected: dict[tuple[object, ...], tuple[Any, tuple[Any, ...]]],
    preferred: Any,
    supported: Sequence[Any],
    /,
    *,
    table_schema: TTableSchema,
) -> tuple[Any, list[Any]]:
    # all that dlt's selectors read of a table, except for its name in a warning
    kind = (preferred, tuple(supported), table_schema.get("table_format"), table_schema.get("file_format"))
    if kind not in selected:
        chosen, formats = select(preferred, supported, table_schema=table_schema)
        selected[kind] = chosen, tuple(formats)
    chosen, formats = selected[kind]
    return chosen, list(formats)


def share_capabilities(destination: Destination[Any, Any], other: Destination[Any, Any]) -> Destination[Any, Any]:
    """Let a destination have the capabilities of another that differs in nothing but credentials.

    Args:
        destination: the destination.
        other: the one that computes them.
    """
    destination.capabilities = other.capabilities  # type: ignore[method-assign]
    return destination
