"""Errors that dlt and the drivers raise, translated into the errors of this package."""

import errno
from types import SimpleNamespace

import duckdb as duckdb_library
import psycopg2
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_sources.weather.common.errors import (
    ConfigurationError,
    DestinationError,
    RepairNeededError,
    RowsRefusedError,
)
from dlt_sources.weather.destination.connection import translated_errors

PIPELINE = SimpleNamespace(pipeline_name="weather", has_pending_data=False)
FULL_DISK = OSError(errno.ENOSPC, "No space left on device")
OUTAGE = psycopg2.OperationalError("server closed the connection")
LOW_LIMIT = duckdb_library.OutOfMemoryException("failed to allocate data. Increasing the memory limit may help")
FULL_TEMP_DISK = duckdb_library.OutOfMemoryException("failed to offload data block")
FULL_FILE = duckdb_library.IOException('IO Error: Could not write file "weather.duckdb": No space left on device')
CONFIGURATION = ConfigurationError("a setting is wrong")
BUG = ValueError("a bug")
KEPT = "The destination did not take the rows: "
DOWN = "The destination cannot be written to any more: "

# a full disk needs a person, a server that is away may be back at the next try
OUTAGES = [
    (FULL_DISK, RepairNeededError),
    (OUTAGE, DestinationError),
    (FULL_TEMP_DISK, RepairNeededError),
    (FULL_FILE, RepairNeededError),
]
# SQLSTATEs
LASTING = "25006 28000 28P01 3D000 3F000 42501 42804 42P06 53100 53400 58030 XX001 XX002"
PASSING = "08006 25P03 40P01 42703 42P01 53200 53300 55P03 57014 57P01 57P03 58000"


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


@pytest.mark.parametrize(("error", "kind"), OUTAGES)
def test_an_outage_is_one_of_the_destination(error, kind):
    translated = raised_by(error)
    assert type(translated) is kind
    assert str(translated) == f"{DOWN}{error}"


@pytest.mark.parametrize("step", ["extract", "normalize", "load", "sync"])
@pytest.mark.parametrize(("error", "kind"), OUTAGES)
def test_an_outage_in_any_step_keeps_the_package(error, kind, step):
    translated = raised_by(error, step)
    assert type(translated) is kind
    assert str(translated) == f"{KEPT}{error}"


class Refused(psycopg2.OperationalError):
    """An error with a SQLSTATE, as the server sends it."""

    def __init__(self, state):
        super().__init__("in the server's language")
        self.sqlstate = state


@pytest.mark.parametrize("state", LASTING.split())
def test_what_no_try_can_end_needs_a_person(state):
    assert type(raised_by(Refused(state), "load")) is RepairNeededError


@pytest.mark.parametrize("state", PASSING.split())
def test_what_may_pass_is_an_outage_that_a_try_may_end(state):
    assert type(raised_by(Refused(state), "load")) is DestinationError


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ('FATAL:  password authentication failed for user "loader"', RepairNeededError),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.7", user "loader"', RepairNeededError),
        ("SSL error: certificate verify failed", RepairNeededError),
        ("FATAL:  sorry, too many clients already", DestinationError),
        ("FATAL:  the database system is starting up", DestinationError),
        ('could not translate host name "db.example.org" to address', DestinationError),
    ],
)
def test_a_refused_connection_is_judged_by_its_words_since_it_has_no_code(words, kind):
    assert type(raised_by(psycopg2.OperationalError(words))) is kind


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
