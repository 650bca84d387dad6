"""The asset checks: one step an asset, once it is loaded; duplicates block what lies downstream."""

# annotations stay real objects here: Dagster looks at them

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
from dagster_project.assets.translator import asset_key, contracts_of
from dagster_project.checks import queries as findings
from dagster_project.checks.queries import CheckResult
from dagster_project.checks.watermark import looked_at, new_since
from dagster_project.common import clock
from dagster_project.common.environment import reading, target
from dagster_project.common.failures import failures_said
from dlt_sources.weather.api.endpoints import ENDPOINTS, LOCATIONS
from dlt_sources.weather.contracts import AirPollution, Contract
from dlt_sources.weather.destination.reader import DestinationReader

# tables whose rows an answer may lack; an alert has no dt, but a start
SOMETIMES = {part.contract.table for endpoint in ENDPOINTS for part in endpoint.parts if part.optional}
ERROR, WARN = AssetCheckSeverity.ERROR, AssetCheckSeverity.WARN


@dataclass(frozen=True)
class Check:
    """One check of one asset: what it looks for, and how bad it is to find it.

    ``find`` is given the moment since which what was loaded is new, where ``of_new_rows`` says that this is enough.
    """

    name: str
    find: Callable[[DestinationReader, datetime | None], CheckResult]
    description: str
    severity: AssetCheckSeverity = ERROR
    blocking: bool = False
    of_new_rows: bool = False


def checks_of(resource: str) -> list[Check]:
    """The checks that apply to a resource's tables."""
    found: list[Check] = []
    contracts = contracts_of(resource)
    for contract in contracts:
        # the main table's checks need no prefix
        prefix = f"{contract.table}_" if len(contracts) > 1 else ""
        found += _of_table(contract, prefix)
    found.append(
        Check(
            "accounting",
            lambda loaded, _: findings.unaccounted(loaded, resource),
            "Every run's rows fetched are loaded or rejected.",
        )
    )
    if resource != LOCATIONS:
        found.append(
            Check(
                "reject_rate",
                lambda loaded, _: findings.rejected(loaded, resource),
                f"The newest run rejected at most {findings.MOST_REJECTED:.0%} of its rows.",
                WARN,
            )
        )
    return found


def _of_table(contract: type[Contract], prefix: str) -> Iterator[Check]:
    yield Check(
        f"{prefix}no_duplicate_keys",
        lambda loaded, since: findings.duplicate_keys(loaded, contract, since),
        f"No two rows with one {', '.join(contract.key)}.",
        blocking=True,
        of_new_rows=True,
    )
    if findings.ranged(contract):
        yield Check(
            f"{prefix}physical_ranges",
            lambda loaded, since: findings.out_of_range(loaded, contract, since),
            f"Within what can be on Earth: {', '.join(findings.ranged(contract))}.",
            of_new_rows=True,
        )
    if contract is AirPollution:
        yield Check(
            "no_gaps",
            lambda loaded, _: findings.gaps(loaded),
            "No hour is missing between a place's first and its newest.",
            WARN,
        )
    if "dt" in contract.model_fields and contract.table not in SOMETIMES:
        yield Check(
            f"{prefix}newest_is_recent",
            lambda loaded, _: findings.stale(loaded, contract, clock.now()),
            "The newest observation, or issue of a forecast, is at most 3 hours old.",
            WARN,
        )


def bronze_checks(resources: Sequence[str]) -> list[AssetChecksDefinition]:
    """The checks of all the assets."""
    return [_checks(resource) for resource in resources]


def _checks(resource: str) -> AssetChecksDefinition:
    key = asset_key(resource)
    # one that blocks ends the step, so it comes last
    checks = {check.name: check for check in sorted(checks_of(resource), key=lambda check: check.blocking)}
    specs = [
        AssetCheckSpec(check.name, asset=key, description=check.description, blocking=check.blocking)
        for check in checks.values()
    ]

    @multi_asset_check(name=f"check_{resource}", specs=specs, can_subset=True, pool=POOL)
    def look(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        chosen = {one.name for one in context.selected_asset_check_keys}
        with failures_said(), reading() as loaded:
            here = target()
            tables = f"{here.description}, dataset {here.dataset_name}"
            for check in checks.values():
                if check.name not in chosen:
                    continue
                if not check.of_new_rows:
                    yield _result(check, check.find(loaded, None), {})
                    continue
                since = new_since(context.instance, AssetCheckKey(key, check.name), tables)
                yield _result(check, check.find(loaded, since), looked_at(since, tables))

    return look


def _result(check: Check, finding: CheckResult, more: Mapping[str, Any]) -> AssetCheckResult:
    rows = {"rows": MetadataValue.json(finding.rows)} if finding.rows else {}
    return AssetCheckResult(
        check_name=check.name,
        passed=finding.passed,
        severity=check.severity,
        metadata=dict(finding.figures) | rows | dict(more),
    )
