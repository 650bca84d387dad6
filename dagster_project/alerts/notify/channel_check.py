"""Alerts in the UI: an asset of their own, and the check that shows whether the channels take messages."""

# annotations stay real objects here: Dagster looks at them

from datetime import datetime, timezone

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetKey,
    AssetSpec,
    MetadataValue,
    asset_check,
)

from dagster_project.alerts.notify.channels import channels, send_to
from dagster_project.alerts.settings import load_alert_settings
from dagster_project.alerts.state import Account, Message
from dagster_project.assets.translator import OWNERS
from dlt_sources.weather.common.errors import WeatherError

ALERTS = AssetSpec(
    "alerts",
    group_name="alerts",
    description="Messages about what goes wrong, and when it is over, to the channels of ALERTS__URLS.",
    owners=OWNERS,
    kinds={"alert"},
)
CHECK = "channels_work"


@asset_check(
    asset=ALERTS.key,
    name=CHECK,
    description=(
        "Every channel takes messages. The alert sensor says so when that changes; executed by hand, it sends a test "
        "message to each."
    ),
)
def channels_work() -> AssetCheckResult:
    """Send a test message to every channel."""
    try:
        found = channels(load_alert_settings().urls or [])
    except WeatherError as error:
        return AssetCheckResult(passed=False, metadata={"settings": str(error)})
    at = datetime.now(timezone.utc)
    test = Message(
        title="Weather: a test", body=f"Alerts reach you. {at:%Y-%m-%d %H:%M} UTC", level="recovered", at=at.timestamp()
    )
    failures = {name: why for name, why in send_to(found, test).items() if why}
    return AssetCheckResult(passed=not failures, metadata={"channels": len(found), **failures})


def verdict(account: Account, broken: dict[str, str]) -> AssetCheckEvaluation:
    """What the sensor says of the channels."""
    return AssetCheckEvaluation(
        asset_key=AssetKey("alerts"),
        check_name=CHECK,
        passed=not broken,
        severity=AssetCheckSeverity.ERROR,
        metadata={
            "channels": MetadataValue.int(len(account.channels)),
            "messages_waiting": MetadataValue.int(len(account.waiting)),
            "messages_lost": MetadataValue.int(account.lost),
            **{name: MetadataValue.text(why) for name, why in broken.items()},
        },
    )
