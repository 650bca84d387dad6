"""When a bound of pyproject.toml can go: dlt's datasets with the newest libraries, in an environment of the test."""

import os
import subprocess

import duckdb
import pytest
import tomlkit

from tests.docs.pages import PAGES, PROJECT, commands

PROJECT_FILE = tomlkit.parse((PROJECT / "pyproject.toml").read_text()).unwrap()
(DLT,) = (one for one in PROJECT_FILE["project"]["dependencies"] if one.startswith("dlt["))
READ = """
import dlt
pipeline = dlt.pipeline("bounds", destination=dlt.destinations.duckdb("bounds.duckdb"), dataset_name="bronze")
pipeline.run([{"temp": 15.7}], table_name="current_weather")
weather = pipeline.dataset().table("current_weather").select("temp")
"""


class StillNeededError(Exception):
    """The newest version fails as it did when the bound was set."""


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.xfail(strict=True, raises=StillNeededError, reason="once this test fails, the bound can go")
@pytest.mark.parametrize(
    ("libraries", "use", "failure"),
    [
        (("sqlglot", "duckdb<2"), "weather.fetchall()", "unexpected keyword argument 'infer_schema'"),
        (("duckdb>=2", "sqlglot<30.22"), "weather.arrow()", "has no attribute 'fetch_arrow_table'"),
        (
            ("duckdb>=2", "sqlglot<30.22", "ibis-framework"),
            "pipeline.dataset().ibis().list_tables()",
            "has no attribute 'fetch_arrow_table'",
        ),
    ],
    ids=["sqlglot for rows", "duckdb for Arrow", "duckdb for ibis"],
)
def test_datasets_work_with_the_newest(libraries, use, failure, tmp_path):
    given = [word for library in (DLT, "pyarrow", "pandas", *libraries) for word in ("--with", library)]
    finished = subprocess.run(
        ["uv", "run", "--no-project", "--isolated", *given, "python", "-c", READ + use],
        cwd=tmp_path,
        env=os.environ | {"DLT_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if failure in finished.stderr:
        raise StillNeededError
    assert finished.returncode == 0, finished.stderr


@pytest.mark.slow
@pytest.mark.process
def test_the_documented_commands_convert_a_file_of_duckdb_2(tmp_path):
    def shell(text: str) -> None:
        subprocess.run(["bash", "-c", text], cwd=tmp_path, check=True, timeout=240)

    converting = [one.text for one in commands(PAGES["docs/operations.md"]) if "converted.duckdb" in one.text]
    make = "import duckdb; duckdb.connect('weather.duckdb').sql('CREATE TABLE t AS SELECT 15.7 AS temp')"
    shell(f'uv run --no-project --with "duckdb>=2" python -c "{make}"')
    with pytest.raises(duckdb.IOException, match="newer version of DuckDB"):
        duckdb.connect(tmp_path / "weather.duckdb")
    for text in converting:
        shell(text)
    with duckdb.connect(tmp_path / "weather.duckdb") as connection:
        assert [float(temp) for (temp,) in connection.sql("SELECT temp FROM t").fetchall()] == [15.7]
