"""The sentence that says what retention drops."""

from dlt_sources.weather.common.settings import RetentionSettings
from dlt_sources.weather.retention.policy import sentence


def test_each_table_that_is_not_kept_for_ever_is_named_with_its_days():
    said = sentence(RetentionSettings(raw_days=0, rejects_days=0))
    assert "load_runs is kept 365 days" in said
    assert "rejects" not in said
    assert "nothing is dropped" in sentence(
        RetentionSettings(
            forecast_days=0, thin_after_days=0, raw_days=0, rejects_days=0, load_runs_days=0, dlt_loads_days=0
        )
    )
