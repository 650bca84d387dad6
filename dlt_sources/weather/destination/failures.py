"""Classes of the errors that dlt and the drivers raise: an outage, or rows that the destination refuses.

An outage is whatever an administrator can correct: a server that is down, full or read-only, a missing permission or
object. Every package then waits. A package is at fault only if its own rows or statements are wrong.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator

from dlt.common.destination.exceptions import DestinationTransientException
from dlt.destinations.exceptions import DatabaseException, DestinationConnectionError
from dlt.load.exceptions import LoadClientJobException

from dlt_sources.weather.common.errors import DestinationError, RepairNeededError, RowsRefusedError
from dlt_sources.weather.common.redaction import redact
from dlt_sources.weather.destination.postgres.patient_connection import LASTING_REFUSALS

# SQLSTATEs and their classes, from PostgreSQL's documentation, appendix A. A package is at fault for: cardinality
# violation, data exception, integrity constraint violation, program limit exceeded; syntax error, invalid name, name
# too long, invalid column definition, duplicate column
_OF_A_PACKAGE = ("21", "22", "23", "54", "42601", "42602", "42622", "42611", "42701")
# the rest of class 42 (undefined or duplicate objects, wrong types) is an outage for a load, whose statements dlt
# makes from the package's schema; in a query of this program it is an error of this program
_OF_A_STATEMENT = ("42", "0A", "02", "26", "34")
_PERMISSION = "42501"
# what lasts until a person changes something: a read-only server, a login, a missing database or schema, a missing
# permission or altered table, a full disk, a limit of the server's configuration, a disk or table that is damaged. Not
# among them is what may pass: memory (53200) and connections (53300) are freed, locks released, servers started
_LASTING = ("25006", "28", "3D", "3F", "42", "53100", "53400", "58030", "XX001", "XX002")
# the next load makes the table or column
_MADE_BY_THE_NEXT_LOAD = ("42P01", "42703")
# what to do, by SQLSTATE or its class; the longest that fits counts
_ACTIONS = {
    _PERMISSION: "Let the loader's role own the dataset's schemas and tables; for schemas that do not exist yet, grant "
    "it CREATE on the database.",
    "25006": "The server takes no writes: it is a standby, and not the primary, or the database was made read-only, as "
    "this project's server does while its volume is full.",
    "28": "Check the user, the password and the server's pg_hba.conf.",
    "3D": "Create the database, or correct its name.",
    "3F": "Create the schema, or grant the loader's role CREATE on the database.",
    "42P06": "The loader's role cannot see the schema: let it own the dataset's schemas and tables.",
    "42": "A table is not as it was loaded before; change it back, or drop it and rebuild it with `weather replay`.",
    "53100": "Free disk space on the server, or raise the quota.",
    "53300": "Raise max_connections or the role's CONNECTION LIMIT, or close other connections.",
    "53": "The server lacks memory, disk space or connections.",
    "55P03": "Another session holds a lock on a table; end it, or wait for it.",
    "57014": "A statement took longer than statement_timeout allows.",
}
# DB-API 2.0 names, the same in every driver: failures of the database (no connection, a full disk), and refused rows
_OUTAGES = ("OperationalError", "InterfaceError")
_REFUSALS = ("DataError", "IntegrityError", "ProgrammingError", "NotSupportedError")


def is_down(error: BaseException | None, *, loading: bool = True) -> bool:
    """Return whether an error means that the destination is down, full, busy or not as it should be.

    Args:
        error: the error; its causes are considered too.
        loading: whether the error is of a package's load, not of a query of this program.
    """
    causes = list(causes_of(error))
    if any(isinstance(one, RowsRefusedError) for one in causes):
        return False
    if state := _sqlstate(causes):
        no_outage = _OF_A_PACKAGE if loading else _OF_A_PACKAGE + _OF_A_STATEMENT
        return state == _PERMISSION or not state.startswith(no_outage)
    if any(_is_read_only(one) for one in causes):
        return True
    if any(_is_memory_limit(one) or _is_refusal(one) for one in causes):
        return False
    return any(
        isinstance(one, DestinationError | DestinationConnectionError | DestinationTransientException)
        or _is_full(one)
        or _is_a(one, *_OUTAGES)
        for one in causes
    )


def outage(sentence: str, error: BaseException) -> DestinationError:
    """Return the error of a destination that is down, full, busy or not as it should be.

    Args:
        sentence: what could not be done.
        error: what dlt or the driver raised.
    """
    kind = RepairNeededError if needs_repair(error) else DestinationError
    return kind(f"{sentence}: {words(error)}")


def needs_repair(error: BaseException) -> bool:
    """Return whether an outage lasts until a person ends it, so that further tries do not help.

    Args:
        error: the error; its causes are considered too.
    """
    causes = list(causes_of(error))
    if state := _sqlstate(causes):
        return state.startswith(_LASTING) and state not in _MADE_BY_THE_NEXT_LOAD
    return any(isinstance(one, RepairNeededError) or _is_full(one) or _is_read_only(one) for one in causes) or any(
        _is_a(one, "OperationalError") and any(text in str(one) for text in LASTING_REFUSALS) for one in causes
    )


def words(error: BaseException) -> str:
    """Return the destination's words on one line: the message of the innermost cause, and what to do.

    Args:
        error: the error.
    """
    causes = list(causes_of(error))
    message = redact(_on_one_line(str(causes[-1])), None)
    state = _sqlstate(causes) or ""
    actions = [_ACTIONS[state[:length]] for length in (5, 2) if state[:length] in _ACTIONS]
    if "unsupported startup parameter" in message:
        return f"{message}. That is a pooler (PgBouncer): set the host and port of PostgreSQL itself."
    if any(_is_read_only(one) for one in causes):
        return f"{message.removesuffix('!')}: the present user may not write the file or its folder."
    if not actions or state.startswith(_OF_A_PACKAGE):
        return message
    return f"{message.removesuffix('.')}. {actions[0]}"


def _on_one_line(message: str) -> str:
    """Return a message on one line, with a full stop between sentences that the driver puts on lines."""
    line = ""
    for part in filter(None, (" ".join(one.split()) for one in message.splitlines())):
        is_sentence = line and part[0].isupper() and line[-1].isalnum()
        line += f"{'.' if is_sentence else ''} {part}"
    return line.strip()


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes, the innermost last, with those that dlt keeps in attributes."""
    seen: set[int] = set()
    # an error that was raised again while another one was handled is its own context
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = error.__cause__ or error.__context__
        if inner is None and isinstance(error, LoadClientJobException):
            inner = error.client_exception
        if inner is None and isinstance(error, DatabaseException):
            inner = error.dbapi_exception
        error = inner


def _sqlstate(causes: list[BaseException]) -> str | None:
    """Return the SQLSTATE that a driver gives: psycopg2 in ``pgcode``, ADBC in ``sqlstate``."""
    states = (getattr(one, "pgcode", None) or getattr(one, "sqlstate", None) for one in reversed(causes))
    return next((str(state) for state in states if state), None)


def _is_refusal(error: BaseException) -> bool:
    """Return whether a job was refused: dlt calls it transient after it has tried again, whatever the driver raised."""
    return isinstance(error, LoadClientJobException) and _is_a(error.client_exception, *_REFUSALS)


def _is_full(error: BaseException) -> bool:
    """Return whether a disk is full: this machine's, or the one of DuckDB's file, which gives no code."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    text = str(error)
    return _is_a(error, "OperationalError") and (os.strerror(errno.ENOSPC) in text or "failed to offload" in text)


def _is_memory_limit(error: BaseException) -> bool:
    """Return whether DuckDB's memory_limit is too low: a later run can still load other packages."""
    # DuckDB says "failed to offload" if the disk to which it moves what exceeds the limit is full: that is an outage
    return _is_a(error, "OperationalError") and bool(re.search(r"(failed to|could not) (allocate|pin)", str(error)))


def _is_read_only(error: BaseException) -> bool:
    """Return whether DuckDB has its file open for reading only."""
    return _is_a(error, "ProgrammingError") and "read-only mode" in str(error)


def _is_a(error: BaseException | None, *names: str) -> bool:
    return any(kind.__name__ in names for kind in type(error).__mro__)
