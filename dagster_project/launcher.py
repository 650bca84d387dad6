"""The earlier place of the run launcher, kept to tell a copied ``dagster.yaml`` the present one."""

from dagster_project.common.moved import moved


def __getattr__(name: str) -> object:
    """Refuse a ``dagster.yaml`` that takes the run launcher from here."""
    if name == "WatchedRunLauncher":
        raise moved()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
