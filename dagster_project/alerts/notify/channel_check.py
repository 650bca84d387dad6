"""Asset ``alerts`` and its check ``channels_work``: whether the channels take messages, as Dagster's UI shows it."""

# no future annotations: Dagster inspects these at run time

from collections.abc import Mapping

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetSpec,
    MetadataValue,
    asset_check,
)

from dagster_project.alerts.notify.channels import parse_channels, send_to_all
from dagster_project.alerts.state import AlertState, Message
from dagster_project.assets.translator import OWNERS
from dagster_project.common import clock
from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.common.settings.alerts import load_alert_settings

ALERTS = AssetSpec(
    "alerts",
    group_name="alerts",
    description="Messages about incidents, and about their end, to the channels of ALERTS__URLS.",
    owners=OWNERS,
    kinds={"alert"},
)
CHECK = "channels_work"


@asset_check(
    asset=ALERTS.key,
    name=CHECK,
    description=(
        "Every channel takes messages. The alert sensor reports a change by itself; executed by hand, the check sends "
        "a test message to each channel."
    ),
)
def channels_work() -> AssetCheckResult:
    """Send a test message to every channel."""
    try:
        channels = parse_channels(load_alert_settings().urls or [])
    except WeatherError as error:
        return AssetCheckResult(passed=False, metadata={"settings": str(error)})
    now = clock.now()
    test = Message(
        title="Weather: a test",
        body=f"Alerts reach you. {now:%Y-%m-%d %H:%M} UTC",
        level="recovered",
        at=now.timestamp(),
    )
    failures = {name: reason for name, reason in send_to_all(channels, test).items() if reason}
    return AssetCheckResult(passed=not failures, metadata={"channels": len(channels), **failures})


def channel_evaluation(state: AlertState, faults: Mapping[str, str]) -> AssetCheckEvaluation:
    """Return the evaluation of ``channels_work`` that the sensor reports.

    Args:
        state: the alert state, for the numbers of channels and messages.
        faults: reasons by the name of the channel, or of the settings, at fault.
    """
    return AssetCheckEvaluation(
        asset_key=ALERTS.key,
        check_name=CHECK,
        passed=not faults,
        severity=AssetCheckSeverity.ERROR,
        metadata={
            "channels": MetadataValue.int(len(state.channels)),
            "messages_waiting": MetadataValue.int(len(state.waiting)),
            "messages_summed_up": MetadataValue.int(state.lost),
            **{name: MetadataValue.text(reason) for name, reason in faults.items()},
        },
    )
