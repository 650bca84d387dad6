"""Prometheus's rules ask for metrics that the load report publishes; ``infra/tests/rules.sh`` plays them."""

import re
from pathlib import Path

from dagster_project.reports.metrics import registry_of
from dlt_sources.weather.status.report import Status

RULES = Path(__file__).parents[2] / "infra" / "prometheus"


def test_every_metric_of_the_rules_and_their_tests_is_one_that_is_published():
    published = {family.name for family in registry_of(Status((), (), (), {}), {}).collect()}
    for name in ("rules.yml", "rules.test.yml"):
        named = set(re.findall(r"\bweather_bronze_\w+", (RULES / name).read_text(encoding="utf-8")))
        assert named - published == set(), name
        assert len(named) > 8


def test_every_alert_has_a_test():
    alerts = set(re.findall(r"- alert: (\w+)", (RULES / "rules.yml").read_text(encoding="utf-8")))
    played = set(re.findall(r"alertname: (\w+)", (RULES / "rules.test.yml").read_text(encoding="utf-8")))
    assert alerts == played
