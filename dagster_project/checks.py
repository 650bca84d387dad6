"""The asset checks: one step an asset, once it is loaded; duplicates block what lies downstream."""

# annotations stay real objects here: Dagster looks at them

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    MetadataValue,
    multi_asset_check,
)

from dagster_project import clock, findings
from dagster_project.assets import POOL
from dagster_project.failures import failures_said
from dagster_project.findings import Finding
from dagster_project.translator import asset_key, contracts_of
from dagster_project.where import reading
from dlt_sources.weather.contracts import AirPollution, Contract
from dlt_sources.weather.endpoints import ENDPOINTS, LOCATIONS
from dlt_sources.weather.loaded import Loaded

# tables whose rows an answer may lack; an alert has no dt, but a start
SOMETIMES = {part.contract.table for endpoint in ENDPOINTS for part in endpoint.parts if part.optional}
ERROR, WARN = AssetCheckSeverity.ERROR, AssetCheckSeverity.WARN


@dataclass(frozen=True)
class Check:
    """One check of one asset: what it looks for, and how bad it is to find it."""

    name: str
    find: Callable[[Loaded], Finding]
    description: str
    severity: AssetCheckSeverity = ERROR
    blocking: bool = False


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
            lambda loaded: findings.unaccounted(loaded, resource),
            "Every run's rows fetched are loaded or rejected.",
        )
    )
    if resource != LOCATIONS:
        found.append(
            Check(
                "reject_rate",
                lambda loaded: findings.rejected(loaded, resource),
                f"The newest run rejected at most {findings.MOST_REJECTED:.0%} of its rows.",
                WARN,
            )
        )
    return found


def _of_table(contract: type[Contract], prefix: str) -> Iterator[Check]:
    yield Check(
        f"{prefix}no_duplicate_keys",
        lambda loaded: findings.duplicate_keys(loaded, contract),
        f"No two rows with one {', '.join(contract.key)}.",
        blocking=True,
    )
    if findings.ranged(contract):
        yield Check(
            f"{prefix}physical_ranges",
            lambda loaded: findings.out_of_range(loaded, contract),
            f"Within what can be on Earth: {', '.join(findings.ranged(contract))}.",
        )
    if contract is AirPollution:
        yield Check("no_gaps", findings.gaps, "No hour is missing between a place's first and its newest.", WARN)
    if "dt" in contract.model_fields and contract.table not in SOMETIMES:
        yield Check(
            f"{prefix}newest_is_recent",
            lambda loaded: findings.stale(loaded, contract, clock.now()),
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
            for check in checks.values():
                if check.name in chosen:
                    yield _result(check, check.find(loaded))

    return look


def _result(check: Check, finding: Finding) -> AssetCheckResult:
    metadata = dict(finding.figures) | ({"rows": MetadataValue.json(finding.rows)} if finding.rows else {})
    return AssetCheckResult(check_name=check.name, passed=finding.passed, severity=check.severity, metadata=metadata)
