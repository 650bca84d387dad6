"""Files of dlt's configuration for tests of settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Write a file of dlt's configuration, which dlt reads when it is asked next."""
    folder = tmp_path / ".dlt"
    folder.mkdir()
    container = Container()
    before = container[PluggableRunContext]

    def write(text: str | bytes, name: str = "config.toml") -> None:
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        container[PluggableRunContext] = before
        del container[PluggableRunContext]

    yield write
    container[PluggableRunContext] = before
