"""Alert sensor: each tick reads events, updates incidents, composes messages and delivers them.

``alert_sensor`` is the whole flow; everything it calls is a step that takes values and returns values.

One sensor that keeps a state, rather than Dagster's sensor for each failed run: a failed check fails no run, five
assets may fail for one reason, and a recovery is to be reported too. A tick succeeds whatever a channel does. If the
daemon dies after delivery and before it stores the cursor, the messages of that tick are sent twice.
"""

# no future annotations: Dagster inspects these at run time

import logging
from collections.abc import Sequence
from datetime import datetime, timezone

from dagster import (
    AssetCheckEvaluation,
    AssetMaterialization,
    DagsterInstance,
    DefaultSensorStatus,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)
from pydantic import ValidationError

from dagster_project.alerts.incidents import forget_old, update_incidents
from dagster_project.alerts.messages import compose_messages, messages_held_back
from dagster_project.alerts.notify.channel_check import ALERTS, channel_evaluation
from dagster_project.alerts.notify.channels import parse_channels
from dagster_project.alerts.notify.delivery import deliver, failing_channels, undelivered
from dagster_project.alerts.redaction import find_secrets, redact_runs
from dagster_project.alerts.sources.freshness import newest_of, read_last_loads
from dagster_project.alerts.sources.outside_loads import OutsideLoads, read_loads_outside
from dagster_project.alerts.sources.run_events import RunCursor, read_finished_runs, start_cursor
from dagster_project.alerts.state import AlertState, Message
from dagster_project.common import clock
from dagster_project.common.environment import reload_settings
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings.alerts import AlertSettings, load_alert_settings, settings_of_environment

# those of this process that were read without a fault
_last_settings: list[AlertSettings] = []
# the tables are read less often than Dagster's records
OUTSIDE_SECONDS = 60.0
# a failed check of the alerts themselves must not cause alerts
IGNORED_ASSETS = frozenset([ALERTS.key.to_user_string()])


@sensor(
    name="alert_sensor",
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
    description=(
        "Sends one message per incident, and one when it is resolved, to the channels of ALERTS__URLS; reports loads "
        "outside Dagster as materializations."
    ),
)
def alert_sensor(context: SensorEvaluationContext) -> SensorResult:
    """Run one tick."""
    instance, log = context.instance, context.log
    now = clock.now().timestamp()
    settings, faults = _settings(log)
    urls = settings.urls or []
    secrets = find_secrets(urls)
    state = _state(instance, context.cursor, now, log)

    runs, cursor = read_finished_runs(instance, RunCursor(state.position, state.handled), IGNORED_ASSETS, log)
    state.position, state.handled = cursor
    outside = _outside_loads(state, now, log)
    last_loads = newest_of(read_last_loads(instance, log), outside.loaded_at)
    state.open, resolved = update_incidents(
        state.open, redact_runs([*runs, *outside.runs], secrets), last_loads, started=state.started, now=now
    )
    messages, state = compose_messages(state, resolved, settings, secrets, now)
    state.open = forget_old(state.open, now)
    _log_messages(messages, log, configured=bool(urls))
    delivered, state = deliver(
        state, messages, parse_channels(urls), now=now, most_an_hour=settings.most_an_hour, log=log
    )

    faults |= failing_channels(state)
    events: list[AssetMaterialization | AssetCheckEvaluation] = [*outside.events]
    if faults != state.reported and (state.channels or faults or state.reported):
        events.append(channel_evaluation(state, faults))
        state.reported = faults
    waiting = messages_held_back(state)
    held_back = f" {waiting} wait for the limit of {settings.most_an_hour} messages an hour." if waiting else ""
    counts = f"{len(messages)} new message(s), {delivered} delivered, {len(state.open)} open incident(s)."
    return SensorResult(
        skip_reason=counts + held_back + undelivered(state),
        cursor=state.model_dump_json(exclude_defaults=True),
        asset_events=events,
    )


def _outside_loads(state: AlertState, now: float, log: logging.Logger) -> OutsideLoads:
    """Return the loads outside Dagster since the last reading, which is a minute ago at least, and note it."""
    if now - state.outside_at < OUTSIDE_SECONDS:
        return OutsideLoads([], {}, [], state.outside)
    started, present = (datetime.fromtimestamp(moment, timezone.utc) for moment in (state.started, now))
    outside = read_loads_outside(state.outside, started, present, log)
    state.outside, state.outside_at = outside.handled, now
    return outside


def _settings(log: logging.Logger) -> tuple[AlertSettings, dict[str, str]]:
    """Return the settings and no fault, or the last ones that worked and the fault of the configured ones."""
    try:
        reload_settings()
        _last_settings[:] = [load_alert_settings()]
    except ConfigurationError as error:
        log.error("%s", error)  # noqa: TRY400 - the text says everything, a traceback adds nothing
        # broken settings of the source are in the same files, and that is what alerts are about
        return (_last_settings or [settings_of_environment()])[0], {"settings": str(error)}
    return _last_settings[0], {}


def _state(instance: DagsterInstance, cursor: str | None, now: float, log: logging.Logger) -> AlertState:
    """Return the state in the cursor, or a new one that begins now if there is no readable cursor."""
    if cursor:
        try:
            return AlertState.model_validate_json(cursor)
        except ValidationError:
            log.warning("The cursor cannot be read; alerts start over from now.")
    position, handled = start_cursor(instance)
    return AlertState(started=now, position=position, handled=handled)


def _log_messages(messages: Sequence[Message], log: logging.Logger, *, configured: bool) -> None:
    for message in messages:
        note = "" if configured else " (not sent: no alert URLs are configured)"
        log.warning("Alert%s: %s\n%s", note, message.title, message.body)
