"""Names of settings for advice: the environment variable, and the key in a file of dlt's where a file can be edited."""

from __future__ import annotations

import os
from pathlib import Path

from dlt_sources.weather.common.redaction import settings_files

WEATHER = ("sources", "weather")
API_KEY = "OPENWEATHER_API_KEY"


def variable_of(*path: str) -> str:
    """Return the environment variable in which dlt looks for a setting.

    Args:
        path: the sections, and the setting's name.
    """
    return "__".join(path).upper()


def how_to_set(*path: str, secret: bool = False, variable: str | None = None) -> str:
    """Return how a setting is set: ``SOURCES__WEATHER__UNITS, or units under [sources.weather] in .dlt/config.toml``.

    A container has the files of its image, which nobody can change, or none: then the variable alone is named.

    Args:
        path: the sections, and the setting's name.
        secret: whether the setting is a secret, which dlt takes from the file of secrets alone.
        variable: another variable in which the setting may stand.
    """
    file = file_of("secrets.toml" if secret else "config.toml")
    key = f", or {path[-1]} under [{'.'.join(path[:-1])}] in {file}" if file else ""
    return f"{variable or variable_of(*path)}{key}"


def how_to_set_key() -> str:
    """Return how the API key is set: by the variable that is set already, if one is."""
    path = (*WEATHER, "api_key")
    return how_to_set(*path, secret=True, variable=None if variable_of(*path) in os.environ else API_KEY)


def file_of(name: str) -> Path | None:
    """Return the file of settings that a user edits; None if there is no such file, or it is of a container's image.

    Args:
        name: ``config.toml`` or ``secrets.toml``.
    """
    project, *others = settings_files(name)
    written = [file for file in (project, *others) if file.is_file() and file.stat().st_size]
    if name == "secrets.toml" and written:
        # no image has secrets: they were mounted
        return written[0]
    editable = [file for file in written if os.access(file, os.W_OK)]
    if editable:
        return editable[0]
    is_new = project not in written and project.parent.is_dir() and os.access(project.parent, os.W_OK)
    return project if is_new else None
