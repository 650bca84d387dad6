"""Heartbeat of Dagster's daemon: sent while every place has recent rows, whoever loads them.

It alerts where no sensor can: when the daemon, the code location or their database is down, no heartbeat comes.
"""

# no future annotations: Dagster inspects these at run time

from dagster import DefaultSensorStatus, SensorEvaluationContext, SkipReason, sensor

from dagster_project.common import clock
from dagster_project.common.environment import bronze_target, is_demo, reload_settings
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.common.settings.alerts import load_alert_settings
from dlt_sources.weather.status.heartbeat.beat import beat

INTERVAL_SECONDS = 300


@sensor(
    name="heartbeat_sensor",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=DefaultSensorStatus.RUNNING,
    description="Reports to ALERTS__HEARTBEAT_URL that every place has recent rows, or which have none.",
)
def heartbeat_sensor(context: SensorEvaluationContext) -> SkipReason:
    """Run one tick."""
    if is_demo():
        return SkipReason("The demo sends no heartbeat.")
    try:
        reload_settings()
        url, settings = load_alert_settings().heartbeat_url, load_settings()
    except ConfigurationError as error:
        # without one the service alerts
        return SkipReason(f"No heartbeat is sent: {error}")
    if not url:
        return SkipReason("No heartbeat_url is set.")
    is_well, sentence = beat(url, bronze_target(), settings, clock.now())
    if not is_well:
        context.log.warning("%s", sentence)
    return SkipReason(sentence)
