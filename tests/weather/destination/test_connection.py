"""Errors that dlt and the drivers raise, translated into the errors of this package."""

import errno
from types import SimpleNamespace

import duckdb as duckdb_library
import psycopg2
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_sources.weather.common.errors import ConfigurationError, DestinationError, RowsRefusedError
from dlt_sources.weather.destination.connection import translated_errors

PIPELINE = SimpleNamespace(pipeline_name="weather", has_pending_data=False)
FULL_DISK = OSError(errno.ENOSPC, "No space left on device")
OUTAGE = psycopg2.OperationalError("server closed the connection")
LOW_LIMIT = duckdb_library.OutOfMemoryException("failed to allocate data. Increasing the memory limit may help")
FULL_TEMP_DISK = duckdb_library.OutOfMemoryException("failed to offload data block")
CONFIGURATION = ConfigurationError("a setting is wrong")
BUG = ValueError("a bug")
KEPT = "The destination did not take the rows: "
DOWN = "The destination cannot be written to any more: "


def raised_by(error, step=None):
    """Return what is raised for an error, or for the failure of a step of dlt's that wraps it."""
    try:
        with translated_errors():
            if step:
                raise PipelineStepFailed(PIPELINE, step, None, error) from error
            raise error
    except BaseException as raised:  # noqa: BLE001 - KeyboardInterrupt is one of the cases
        return raised


@pytest.mark.parametrize("error", [BUG, CONFIGURATION, LOW_LIMIT, psycopg2.DataError("out of range")])
def test_what_is_no_outage_passes_unchanged(error):
    assert raised_by(error) is error


@pytest.mark.parametrize("error", [FULL_DISK, OUTAGE, FULL_TEMP_DISK])
def test_an_outage_is_one_of_the_destination(error):
    translated = raised_by(error)
    assert type(translated) is DestinationError
    assert str(translated) == f"{DOWN}{error}"


@pytest.mark.parametrize("step", ["extract", "normalize", "load", "sync"])
@pytest.mark.parametrize("error", [FULL_DISK, OUTAGE, FULL_TEMP_DISK])
def test_an_outage_in_any_step_keeps_the_package(error, step):
    translated = raised_by(error, step)
    assert type(translated) is DestinationError
    assert str(translated) == f"{KEPT}{error}"


@pytest.mark.parametrize("step", ["load", "sync"])
@pytest.mark.parametrize("error", [BUG, LOW_LIMIT, psycopg2.DataError("out of range")])
def test_rows_are_refused_where_the_destination_is_up(error, step):
    translated = raised_by(error, step)
    assert type(translated) is RowsRefusedError
    assert str(translated) == f"{KEPT}{error}"


def test_a_bug_before_the_load_stays_a_failure_of_its_step():
    assert isinstance(raised_by(BUG, "extract"), PipelineStepFailed)


@pytest.mark.parametrize("step", ["extract", "normalize", "load"])
@pytest.mark.parametrize("error", [CONFIGURATION, KeyboardInterrupt()])
def test_a_step_that_wraps_an_error_of_this_package_or_a_signal_gives_it_back(error, step):
    assert raised_by(error, step) is error
