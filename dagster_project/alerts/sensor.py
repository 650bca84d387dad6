"""The alert sensor: every half minute it reads what happened, opens and closes causes, and sends what is worth saying.

One sensor that keeps an account, not one that Dagster calls for each failed run: a check that fails fails no run, five
assets may fail for one reason, and what is over must be said too. Its tick succeeds whatever a channel does. Should
the daemon die between sending and keeping the account, that tick's messages come twice.
"""

# annotations stay real objects here: Dagster looks at them

import logging
from collections.abc import Callable

from dagster import DagsterInstance, DefaultSensorStatus, SensorEvaluationContext, SensorResult, sensor
from pydantic import ValidationError

from dagster_project.alerts.incidents import Ledger
from dagster_project.alerts.notify.channel_check import ALERTS, verdict
from dagster_project.alerts.notify.channels import channels
from dagster_project.alerts.notify.delivery import broken, deliver
from dagster_project.alerts.redaction import scrubber
from dagster_project.alerts.settings import AlertSettings, load_alert_settings
from dagster_project.alerts.sources.freshness import staleness
from dagster_project.alerts.sources.run_events import ended_since, start_position
from dagster_project.alerts.state import Account
from dagster_project.assets.translator import asset_key
from dagster_project.common.environment import configured_resources
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.errors import ConfigurationError

OURS = frozenset([ALERTS.key.to_user_string()])


@sensor(
    name="alert_sensor",
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
    description="Sends one message a cause, and one when it is over, to the channels of ALERTS__URLS.",
)
def alert_sensor(context: SensorEvaluationContext) -> SensorResult:
    """Evaluate one tick."""
    now = utc_now().timestamp()
    instance = context.instance
    account = _account(instance, context.cursor, now, context.log)
    problems: dict[str, str] = {}
    try:
        settings = load_alert_settings()
    except ConfigurationError as error:
        settings = AlertSettings(urls=[])
        problems["settings"] = str(error)
        context.log.error("%s", error)  # noqa: TRY400 - the sentence is all there is to say
    scrub = scrubber(settings.urls or [])
    ledger = Ledger(account, now, settings.most_an_hour, settings.dagster_url, scrub)
    _read(instance, account, ledger, now, context.log)
    messages = ledger.messages()
    for message in messages:
        sent = "" if settings.urls else " (no alert URLs are configured: it goes nowhere)"
        context.log.warning("Alert%s: %s\n%s", sent, message.title, message.body)
    delivered = deliver(
        account,
        messages,
        channels(settings.urls or []),
        now=now,
        most_an_hour=settings.most_an_hour,
        log=context.log,
    )
    problems |= broken(account)
    events = []
    if problems != account.told and (account.channels or problems or account.told):
        events = [verdict(account, problems)]
        account.told = problems
    return SensorResult(
        skip_reason=f"{len(messages)} new message(s), {delivered} delivered, {len(account.open)} open cause(s).",
        cursor=account.model_dump_json(exclude_defaults=True),
        asset_events=events,
    )


def _account(instance: DagsterInstance, cursor: str | None, now: float, log: logging.Logger) -> Account:
    """The account that the cursor holds; a new one, which begins now, without a cursor that can be read."""
    if cursor:
        try:
            return Account.model_validate_json(cursor)
        except ValidationError:
            log.warning("The cursor cannot be read; alerts begin anew.")
    position, handled = start_position(instance)
    return Account(started=now, position=position, handled=handled)


def _read(instance: DagsterInstance, account: Account, ledger: Ledger, now: float, log: logging.Logger) -> None:
    """Enter what happened; what cannot be read now is read by a later tick."""

    def runs() -> None:
        for ended in ended_since(instance, account, OURS, log):
            ledger.note(ended.succeeded, ended.troubles, ended.run_id)

    def ages() -> None:
        keys = [asset_key(name) for name in configured_resources()]
        fresh, late = staleness(instance, keys, account.open.values(), account.started, now)
        ledger.note(fresh, [late] if late else [])

    for part in (runs, ages):
        _guarded(part, log)


def _guarded(part: Callable[[], None], log: logging.Logger) -> None:
    try:
        part()
    except Exception as error:  # noqa: BLE001 - one part that cannot be read must not stop the others
        log.error("Dagster's records cannot be read: %s", type(error).__name__)  # noqa: TRY400 - may hold a password
