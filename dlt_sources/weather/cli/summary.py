"""Summary at the end of a load or a replay, and the exit code."""

from __future__ import annotations

import logging
from collections import Counter

import click
from rich.markup import escape
from rich.table import Table

from dlt_sources.weather.cli.console import as_called, tell, wide_console
from dlt_sources.weather.common.errors import MOST_LISTED, IncompleteError, counted, enumerated
from dlt_sources.weather.pipeline.writer import Report

logger = logging.getLogger(__name__)
# of those that a cause affects
PLACES_SHOWN = 5


def conclude(report: Report, *, log_format: str, quiet: bool, strict: bool, target_options: str) -> None:
    """Print the summary, or log it if logs are JSON, and raise the exception that sets the exit code.

    Args:
        report: report of the run.
        log_format: text or json.
        quiet: whether to print nothing.
        strict: whether a reject is an error.
        target_options: options that name the target, for the next command that the summary suggests.

    Raises:
        WeatherError: the error that stopped the run; or, if ``strict``, a reject.
        click.exceptions.Exit: the run was interrupted; the exit code is 130.
    """
    if log_format == "json":
        logger.info("finished", extra=_facts(report))
    elif not quiet:
        _print_summary(report, f"status {target_options}".rstrip())
    if report.interrupted:
        problem = f" {report.error}" if report.error else ""
        tell(
            f"Interrupted. The rows in the summary are loaded; the next run continues from there.{problem}",
            logging.WARNING,
        )
        raise click.exceptions.Exit(130)
    for sentence, resources in _postponed(report).items():
        tell(f"{', '.join(resources)}: {sentence}", logging.WARNING, run_id=report.run_id)
    if backfills := [report.metrics_by_resource[name] for name, error in report.budget.items() if error.is_backfill]:
        left = sum(metrics.left for metrics in backfills)
        tell(
            f"The range is not complete: {counted(left, 'call')} left to ask. Run the same command then, with the same "
            "--since and --until; a load without them does not ask for the range.",
            logging.WARNING,
            run_id=report.run_id,
        )
    if report.error:
        raise report.error
    if report.rows_rejected:
        causes: Counter[str] = Counter()
        for metrics in report.metrics_by_resource.values():
            causes += metrics.causes
        cause, count = next(iter(causes.most_common(1)), ("for a reason in the table", report.rows_rejected))
        of_them = f", {count:,} of them" if count < report.rows_rejected else ""
        message = (
            f"{report.rows_rejected:,} rejected{of_them}: {cause.rstrip('.')}{_places(report, cause)};"
            f" see {report.dataset_name}.rejects for all reasons."
        )
        if strict:
            raise IncompleteError(message)
        logger.warning(message, extra={"run_id": report.run_id})


def _postponed(report: Report) -> dict[str, list[str]]:
    """Return the resources whose budget is spent, by the sentence that says when they go on."""
    found: dict[str, list[str]] = {}
    for resource, error in report.budget.items():
        found.setdefault(str(error), []).append(resource)
    return found


def _places(report: Report, cause: str) -> str:
    """Return the resources and the first locations that a cause affects, in parentheses; empty if none is known."""
    affected = [metrics for metrics in report.metrics_by_resource.values() if cause in metrics.places]
    names = list(dict.fromkeys(place for metrics in affected for place in metrics.places[cause]))
    if not names:
        return ""
    more = f" and {len(names) - PLACES_SHOWN} more" if len(names) > PLACES_SHOWN else ""
    more = " and others" if any(len(metrics.places[cause]) > MOST_LISTED for metrics in affected) else more
    resources = ", ".join(metrics.resource for metrics in affected)
    return f" ({resources} of {enumerated(names[:PLACES_SHOWN])}{more})"


def _print_summary(report: Report, next_command: str) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("resource")
    for name in ("fetched", "loaded", "rejected", "calls", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("new columns")
    for metrics in report.metrics_by_resource.values():
        table.add_row(
            metrics.resource,
            f"{metrics.rows_fetched:,}",
            f"{metrics.rows_loaded:,}",
            f"{metrics.rows_rejected:,}",
            f"{metrics.calls:,}",
            f"{metrics.seconds:.1f}",
            ", ".join(sorted(metrics.new_columns)),
        )
    console = wide_console()
    # a replay may have nothing to do
    if report.metrics_by_resource:
        console.print(table)
    calls = sum(metrics.calls for metrics in report.metrics_by_resource.values())
    loaded = any(metrics.rows_loaded for metrics in report.metrics_by_resource.values())
    packages = counted(report.packages, "load package") if loaded else "no row loaded"
    console.print(f"\n{counted(calls, 'call')}, {packages}, {report.seconds:.1f} s in all.")
    if report.finished_before:
        console.print(f"Before that, it completed {counted(report.finished_before, 'load')} of interrupted runs.")
    for metrics in report.metrics_by_resource.values():
        if metrics.answers_doubtful:
            first = "; ".join(list(metrics.doubts)[:PLACES_SHOWN])
            number = counted(metrics.answers_doubtful, "answer")
            text = f"{metrics.resource}: {number} may not be what was asked for, and loaded: {first}."
            console.print(f"[yellow]{escape(text)}[/yellow]", highlight=False)
    for trouble in report.upkeep:
        console.print(f"[yellow]{escape(trouble)}[/yellow]", highlight=False)
    console.print(f"The data is in {report.destination}, dataset {report.dataset_name}.", highlight=False)
    console.print(f"Next: {as_called(next_command)}", highlight=False)


def _facts(report: Report) -> dict[str, object]:
    return {
        "run_id": report.run_id,
        "seconds": round(report.seconds, 3),
        "packages": report.packages,
        "destination": report.destination,
        "dataset": report.dataset_name,
        "upkeep": report.upkeep,
        "postponed": {resource: str(error) for resource, error in report.budget.items()},
        "resources": {
            metrics.resource: {
                "rows_fetched": metrics.rows_fetched,
                "rows_loaded": metrics.rows_loaded,
                "rows_rejected": metrics.rows_rejected,
                "calls": metrics.calls,
                "answers_doubtful": metrics.answers_doubtful,
                "new_columns": sorted(metrics.new_columns),
            }
            for metrics in report.metrics_by_resource.values()
        },
    }
