"""The error for a copied ``dagster.yaml`` that names the modules of an earlier release."""

from __future__ import annotations

import os
from pathlib import Path

from click import ClickException


def moved() -> ClickException:
    """Return the error that names the old modules, the new ones and the file to change.

    Every command of Dagster is a click command: it prints a ``ClickException`` as one line and exits with 1. The one
    line covers both classes, because Dagster loads the storage at once and the run launcher only when it launches.
    """
    file = Path(os.environ.get("DAGSTER_HOME") or ".").absolute() / "dagster.yaml"
    return ClickException(
        f"{file} names modules of an earlier release: change dagster_project.instance to "
        "dagster_project.instance.storage, and dagster_project.launcher to dagster_project.instance.run_launcher."
    )
