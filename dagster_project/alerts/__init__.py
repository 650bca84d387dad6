"""Alerts: one message a cause to each configured channel, one when it is over, never a flood, no secret in any.

``ALERTS__URLS='["mailto://…", "slack://…"]'`` names the channels (apprise's URLs). Read ``sensor.py`` first.
"""

from dagster_project.alerts.notify.channel_check import ALERTS, channels_work
from dagster_project.alerts.sensor import alert_sensor

__all__ = ["ALERTS", "alert_sensor", "channels_work"]
