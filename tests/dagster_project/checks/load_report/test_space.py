"""Check of the space on disk, and the alert that it causes."""

from datetime import datetime, timezone

from dagster import AssetCheckEvaluation, AssetCheckSeverity, AssetKey

from dagster_project.alerts.sources.failed_checks import failed_check
from dagster_project.checks.asset_checks import to_dagster
from dagster_project.checks.load_report.space import space_lasts
from dagster_project.checks.names import SPACE_LASTS
from dlt_sources.weather.status.space.model import Space, Volume

NOW = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
SOON = Space(database=10**9, growth=10**9, volumes=(Volume("database", 100 * 10**9, 10 * 10**9),))


def test_it_passes_where_there_is_space_or_nothing_is_known():
    assert space_lasts(Space(), NOW).passed
    assert space_lasts(Space(volumes=(Volume("database", 100, 50),)), NOW).passed


def test_the_alert_says_how_much_is_free_when_it_ends_and_what_to_do():
    result = to_dagster(SPACE_LASTS, space_lasts(SOON, NOW), AssetCheckSeverity.WARN)
    assert result.metadata["days until full"].value == 10
    evaluation = AssetCheckEvaluation(
        AssetKey(["reports", "load_runs"]), SPACE_LASTS, passed=False, metadata=result.metadata,
        severity=result.severity, description=result.description,
    )  # fmt: skip
    problem = failed_check(evaluation, NOW.timestamp(), "run")
    assert problem.level == "warning"
    assert "has 10.0 GB of 100.0 GB free (10%)" in problem.description
    assert "full on 2026-12-07" in problem.description
    assert "weather prune" in problem.advice
