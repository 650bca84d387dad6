"""Resources that one load brings for the steps of a run: those of the free product, with the same configuration.

A run of one load takes a fraction of the time of one for each asset, and asks the API as the command line does. Each
asset keeps its step, which fails and is shown by itself. History and snapshots of One Call are loaded by their own
steps: a history of hours would keep the others from being materialised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import AssetExecutionContext

from dagster_project.common.environment import configured_resources
from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS


def loaded_together(context: AssetExecutionContext, name: str) -> list[str]:
    """Return the further resources of a run that the step of a resource loads as well.

    Args:
        context: the step's.
        name: the resource.
    """
    if not _is_free(name):
        return []
    steps = set(context.run.step_keys_to_execute or [node.name for node in context.job_def.nodes])
    config = _config(context.run.run_config, name)
    return [
        other
        for other in configured_resources()
        if other != name and other in steps and _is_free(other) and _config(context.run.run_config, other) == config
    ]


def _is_free(name: str) -> bool:
    return name == LOCATIONS or (name in BY_NAME and BY_NAME[name].product == "free")


def _config(run_config: Mapping[str, Any], name: str) -> tuple[Any, bool]:
    """Return the locations that the step of a resource is to load, as its configuration says."""
    config = ((run_config.get("ops") or {}).get(name) or {}).get("config") or {}
    chosen = config.get("only_location_ids")
    return None if chosen is None else sorted(chosen), bool(config.get("only_missing"))
