"""Loading of one package with dlt, in one step or in two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import dlt
from dlt.common.runtime.collector import NullCollector
from dlt.extract import DltSource

from dlt_sources.weather.destination.capabilities.load_options import load_options
from dlt_sources.weather.destination.connection import translated_errors


class BeforeLoad(NullCollector):
    """Collector of a pipeline that calls a function between the extraction of a package and its load.

    dlt enters its collector at each step. ``Pipeline.run`` offers no other place between two steps, and dagster-dlt
    calls it as a whole.

    Args:
        call: the function; what it raises fails the load, and the package is kept.
    """

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._before = self.step = ""

    def __enter__(self) -> BeforeLoad:
        # dlt enters the step of a package again and again until its jobs are done; the step names the package
        if self.step.startswith("Load ") and self.step != self._before:
            self._call()
        self._before = self.step
        return super().__enter__()

    def __deepcopy__(self, _memo: object) -> BeforeLoad:
        # dlt copies it for each extracted source
        return self


PackageLoader = Callable[[dlt.Pipeline, DltSource], Counter[str]]


def run_pipeline(pipeline: dlt.Pipeline, source: DltSource, **options: Any) -> None:
    """Run the pipeline as plain dlt does.

    Args:
        pipeline: the pipeline.
        source: the source.
        options: dlt's arguments of ``Pipeline.run``.
    """
    pipeline.run(source, **options)


def load_package(pipeline: dlt.Pipeline, source: DltSource, *, run: Callable[..., None] = run_pipeline) -> Counter[str]:
    """Extract and load one package.

    Args:
        pipeline: the pipeline of a working directory.
        source: the source of the package's rows.
        run: runs the pipeline with the source and dlt's options; an orchestrator may pass another.

    Returns:
        Rows by table, as dlt counted them.

    Raises:
        DestinationError: the destination did not take the package, which is kept in the working directory.
    """
    with translated_errors():
        run(pipeline, source, **_options(pipeline))
    trace = pipeline.last_trace
    return Counter(trace.last_normalize_info.row_counts if trace and trace.last_normalize_info else {})


def prepare_package(pipeline: dlt.Pipeline, source: DltSource) -> None:
    """Extract and normalize one package in the pipeline's working directory, to be loaded later.

    Args:
        pipeline: the pipeline of a working directory.
        source: the source of the package's rows.

    Raises:
        DestinationError: the destination, whose schema the package follows, cannot be reached.
    """
    with translated_errors():
        pipeline.sync_destination()
        pipeline.extract(source, **_options(pipeline))
        pipeline.normalize()


def _options(pipeline: dlt.Pipeline) -> dict[str, Any]:
    file_format = load_options(pipeline.destination).file_format
    return {"loader_file_format": file_format} if file_format else {}
