"""The Dagster instance: storage, run launcher and logs, by the classes that ``dagster.yaml`` names.

Imports ``common`` and ``dlt_sources.weather.common``.
"""

from dagster_project.common.moved import moved


def __getattr__(name: str) -> object:
    """Refuse a ``dagster.yaml`` that takes the storage from here: this package was a module that held it."""
    if name == "InstanceStorage":
        raise moved()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
