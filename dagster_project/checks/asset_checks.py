"""The asset checks: one step for each asset, after its load; duplicate keys block the assets downstream."""

# no `from __future__ import annotations`: Dagster reads the annotations of check functions as objects

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    MetadataValue,
    multi_asset_check,
)

from dagster_project.assets.bronze import POOL
from dagster_project.assets.partitions import shard_of_run
from dagster_project.assets.translator import asset_key, contracts_of
from dagster_project.checks import gaps, late, queries
from dagster_project.checks.names import LOCATIONS_ARE_RECENT, REJECT_RATE
from dagster_project.checks.queries import STALE_AFTER, CheckResult
from dagster_project.checks.rows import NAMED, row_text, to_table
from dagster_project.checks.watermark import watermark, watermark_metadata
from dagster_project.common import clock
from dagster_project.common.environment import bronze_target, open_reader
from dagster_project.common.failures import reported_failures
from dagster_project.common.schedule import configured_schedule
from dlt_sources.weather.api.endpoints import ENDPOINTS, LOCATIONS
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.common.settings.schedule import schedule_gap
from dlt_sources.weather.contracts import Contract
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.status.gaps import SERIES
from dlt_sources.weather.status.late import late_after

# tables without rows in some answers: no rows for hours is no fault there; alerts have a start and no dt
OPTIONAL_TABLES = {part.contract.table for endpoint in ENDPOINTS for part in endpoint.parts if part.optional}
ERROR, WARN = AssetCheckSeverity.ERROR, AssetCheckSeverity.WARN


class Scope(NamedTuple):
    """What an evaluation is about: rows loaded after ``since`` (all if None), locations of a shard (all if None)."""

    since: datetime | None = None
    shard: str | None = None


@dataclass(frozen=True)
class Check:
    """One check of one asset: its query, description and severity.

    The query's scope has the watermark if ``incremental`` is set.
    """

    name: str
    query: Callable[[DestinationReader, Scope], CheckResult]
    description: str
    severity: AssetCheckSeverity = ERROR
    blocking: bool = False
    incremental: bool = False


def checks_of(resource: str) -> list[Check]:
    """Return the checks that apply to a resource's tables."""
    checks: list[Check] = []
    contracts = contracts_of(resource)
    for contract in contracts:
        # the main table's checks need no prefix
        prefix = f"{contract.table}_" if len(contracts) > 1 else ""
        checks += _table_checks(contract, prefix)
    checks += [
        Check(
            "accounting",
            lambda reader, _: queries.unaccounted(reader, resource),
            "Every row that a run fetched is loaded or rejected.",
        ),
        Check(
            LOCATIONS_ARE_RECENT,
            lambda reader, scope: late.locations_are_recent(
                reader, load_settings(shard=scope.shard), resource, clock.now()
            ),
            late.describe(resource),
            WARN,
        ),
    ]
    if resource != LOCATIONS:
        checks.append(
            Check(
                REJECT_RATE,
                lambda reader, _: queries.reject_rate(reader, resource, load_settings(), clock.now(), _gap()),
                f"The newest request failed for at most {queries.MOST_REJECTED:.0%} of the places, and of the rows of "
                f"the newest run at most {queries.MOST_REJECTED:.0%} were rejected.",
                WARN,
            )
        )
    return checks


def _table_checks(contract: type[Contract], prefix: str) -> Iterator[Check]:
    yield Check(
        f"{prefix}no_duplicate_keys",
        lambda reader, scope: queries.duplicate_keys(reader, contract, scope.since),
        f"No two rows have the same {', '.join(contract.key)}.",
        blocking=True,
        incremental=True,
    )
    if queries.ranged_columns(contract):
        yield Check(
            f"{prefix}physical_ranges",
            lambda reader, scope: queries.out_of_range(reader, contract, scope.since),
            f"Within the physical limits on Earth: {', '.join(queries.ranged_columns(contract))}.",
            incremental=True,
        )
    if contract in SERIES:
        yield Check(
            "no_gaps",
            lambda reader, _: gaps.gaps(reader, contract),
            f"No {gaps.unit(contract).rstrip('s')} is missing inside a place's months; whole months without any row "
            "are not asked for.",
            WARN,
        )
    if "dt" in contract.model_fields and contract.table not in OPTIONAL_TABLES:
        # of history, the newest hour or day is complete some time after its beginning
        oldest = late_after(contract.table, configured_schedule()) if contract in SERIES else _gap() + STALE_AFTER
        yield Check(
            f"{prefix}newest_is_recent",
            lambda reader, _: queries.stale(reader, contract, clock.now(), oldest),
            f"The newest observation, or issue of a forecast, is at most {late.span(oldest)} old.",
            WARN,
        )


def _gap() -> timedelta:
    return schedule_gap(configured_schedule())


def bronze_checks(resources: Sequence[str]) -> list[AssetChecksDefinition]:
    """Return the checks of the resources' assets, one definition for each resource."""
    return [_asset_checks(resource) for resource in resources]


def _asset_checks(resource: str) -> AssetChecksDefinition:
    key = asset_key(resource)
    # a blocking check that fails ends the step, so it comes last
    checks = {check.name: check for check in sorted(checks_of(resource), key=lambda check: check.blocking)}
    specs = [
        AssetCheckSpec(check.name, asset=key, description=check.description, blocking=check.blocking)
        for check in checks.values()
    ]

    @multi_asset_check(name=f"check_{resource}", specs=specs, can_subset=True, pool=POOL)
    def evaluate(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        selected = {check_key.name for check_key in context.selected_asset_check_keys}
        with reported_failures(), open_reader() as reader:
            target = bronze_target()
            tables = f"{target.description}, dataset {target.dataset_name}"
            shard = shard_of_run(context.run.tags)
            for check in checks.values():
                if check.name not in selected:
                    continue
                if not check.incremental:
                    yield to_dagster(check.name, check.query(reader, Scope(shard=shard)), check.severity)
                    continue
                since = watermark(context.instance, AssetCheckKey(key, check.name), tables)
                result = check.query(reader, Scope(since, shard))
                yield to_dagster(check.name, result, check.severity, watermark_metadata(since, tables))

    return evaluate


def to_dagster(
    name: str, result: CheckResult, severity: AssetCheckSeverity = ERROR, metadata: Mapping[str, Any] | None = None
) -> AssetCheckResult:
    """Return the result of a check for Dagster.

    Args:
        name: name of the check.
        result: the result of its query.
        severity: severity if it did not pass.
        metadata: further entries of its metadata.
    """
    rows: dict[str, Any] = {"rows": MetadataValue.md(to_table(result.rows))} if result.rows else {}
    description = result.description
    if not result.passed and result.rows and not description:
        number = result.figures.get("rows_at_fault", len(result.rows))
        description = f"Rows at fault: {number}; the first: {'; '.join(map(row_text, result.rows[:NAMED]))}."
    if not result.passed and description:
        # a run's page shows an evaluation's metadata, and not its description
        rows["at_fault"] = description
    return AssetCheckResult(
        check_name=name,
        passed=result.passed,
        severity=severity,
        description=description,
        metadata=dict(result.figures) | rows | dict(metadata or {}),
    )
