"""Loading one package with dlt, at once or in two steps, and what its failure means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dlt
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_sources.weather.common.errors import DestinationError, RowsRefusedError, WeatherError, reason
from dlt_sources.weather.destination.connection import is_down

PackageLoader = Callable[[dlt.Pipeline, DltSource], Counter[str]]


def run_pipeline(pipeline: dlt.Pipeline, source: DltSource, **options: Any) -> None:
    """Run the pipeline as plain dlt does."""
    pipeline.run(source, **options)


def load_package(pipeline: dlt.Pipeline, source: DltSource, *, run: Callable[..., None] = run_pipeline) -> Counter[str]:
    """Extract and load one package.

    Args:
        pipeline: where to.
        source: what.
        run: runs the pipeline with the source and dlt's options; an orchestrator may bring its own.

    Returns:
        Rows by table, as dlt counted them.

    Raises:
        DestinationError: the destination did not take it; it is kept in the working directory.
    """
    with translated_errors():
        run(pipeline, source, **_options(pipeline))
    trace = pipeline.last_trace
    return Counter(trace.last_normalize_info.row_counts if trace and trace.last_normalize_info else {})


def prepare_package(pipeline: dlt.Pipeline, source: DltSource) -> None:
    """Extract one package into the pipeline's working directory, ready to be loaded; nothing is written elsewhere.

    Raises:
        DestinationError: the destination, whose schema the package goes by, cannot be reached.
    """
    with translated_errors():
        pipeline.sync_destination()
        pipeline.extract(source, **_options(pipeline))
        pipeline.normalize()


def _options(pipeline: dlt.Pipeline) -> dict[str, Any]:
    formats = pipeline.destination.capabilities().supported_loader_file_formats or ()
    return {"loader_file_format": "parquet"} if "parquet" in formats else {}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise what the failure of a step of dlt's means to the caller.

    Raises:
        DestinationError: the destination did not take a package; it is kept in the working directory.
        KeyboardInterrupt: a person or the system ended the step, which is no failure; dlt wraps it in one.
    """
    try:
        yield
    except PipelineStepFailed as error:
        cause = _cause(error)
        if cause is error:
            raise
        raise cause from None


def _cause(error: PipelineStepFailed) -> BaseException:
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, WeatherError | KeyboardInterrupt):
            return inner
        inner = inner.__cause__ or inner.__context__
    if error.step in ("sync", "load") or is_down(error):
        kind = DestinationError if is_down(error) else RowsRefusedError
        return kind(f"The destination did not take the rows: {reason(error)}")
    return error
