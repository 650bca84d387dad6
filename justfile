# Short names of commands that the documents describe: `uvx --from rust-just just`.

# List the recipes.
list:
    @just --list --unsorted

# Load simulated weather into weather_demo.duckdb: no key, no network.
demo:
    uv run python -m dlt_sources.weather --demo

# Run Dagster with simulated weather on http://localhost:3000.
dagster:
    WEATHER_DEMO=1 uv run dg dev

# Run the tests that need neither a database nor a process, in seconds.
quick:
    uv run pytest -m "not db and not process"

# Run every test except those that take minutes.
test:
    uv run pytest

# Format, lint, and check types and the layers of imports.
check:
    uv run ruff format
    uv run ruff check
    uv run mypy
    uv run lint-imports

# Make the tables' page from the contracts again.
tables:
    uv run python docs/make_tables.py

# Run everything that must pass before a change lands.
ci:
    bash .ci/run
