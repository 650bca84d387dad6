"""Alerts: one message per incident and one when it is resolved, to every configured channel.

``ALERTS__URLS='["mailto://…", "slack://…"]'`` names the channels (apprise's URLs). No more than
``ALERTS__MOST_AN_HOUR`` messages go in an hour, and none holds a secret. Start with ``sensor.py``: it shows the flow.
Imports ``checks``, ``assets`` and ``common``.
"""

from dagster_project.alerts.heartbeat import heartbeat_sensor
from dagster_project.alerts.notify.channel_check import ALERTS, channels_work
from dagster_project.alerts.sensor import alert_sensor

__all__ = ["ALERTS", "alert_sensor", "channels_work", "heartbeat_sensor"]
