"""View ``forecast_accuracy``: forecasts compared with what was observed later, by location and lead time.

Measures: mean error (bias), mean absolute error and root mean square error for temperature, wind speed and pressure,
and the Brier score for probabilities, as in WMO-No. 485, Manual on the Global Data-processing and Forecasting System,
appendix 2.2.34 (standard verification of deterministic products), and D. S. Wilks, Statistical Methods in the
Atmospheric Sciences, chapter 8 (forecast verification); G. W. Brier, Verification of Forecasts Expressed in Terms of
Probability, Monthly Weather Review 78 (1950), page 1.
"""

from __future__ import annotations

import pyarrow as pa

from dlt_sources.weather.contracts.base import LOCATION_ID, LOCATIONS, TIMESTAMP
from dlt_sources.weather.destination.published.views.model import View, ViewColumn, columns_of
from dlt_sources.weather.destination.published.views.observations import BEST, SOURCES, observed_rows
from dlt_sources.weather.destination.published.views.tables import SourceTables

# hours that a step's probability of precipitation covers: openweathermap.org/api/forecast5 and /api/hourly-forecast
_STEP_HOURS = {"forecast": 3, "forecast_hourly": 1, "one_call_hourly": 1, "one_call_hourly_forecast": 1}
# a smaller amount is called a trace: WMO-No. 8, Guide to Instruments and Methods of Observation, volume I, chapter 6
_WET_MM = 0.1
_ERRORS = ("temp", "wind_speed", "pressure")


def _select(tables: SourceTables) -> str:
    rows = observed_rows(tables, SOURCES)
    steps = "\n    UNION ALL\n".join(_steps(tables, table) for table in _STEP_HOURS if tables.has(table))
    measures = [measure for name in _ERRORS for measure in _measures(name)]
    listed = ",\n    ".join(
        [
            "s.forecast",
            "s.location_id",
            "max(l.name) AS name",
            "s.lead_hours",
            "count(*) AS forecasts",
            "min(s.dt) AS first_dt",
            "max(s.dt) AS last_dt",
            f"'{tables.units}' AS units",
            *measures,
            "count(s.pop_error) AS pop_forecasts",
            "avg(power(s.pop_error, 2)) AS pop_brier_score",
            "1 - avg(power(s.pop_error, 2)) / nullif(avg(s.wet) * (1 - avg(s.wet)), 0) AS pop_brier_skill",
            "avg(s.wet) AS precipitation_frequency",
        ]
    )
    return (
        f"WITH nearest AS (\n    SELECT DISTINCT ON (r.location_id, r.hour) {_NEEDED}\n    FROM (\n{rows}\n    ) AS r\n"
        f"    ORDER BY r.location_id, r.hour, {BEST}\n),\nobserved AS (\n{_OBSERVED}\n),\nsteps AS (\n{steps}\n),\n"
        f"compared AS (\n{_COMPARED}\n)\n"
        f"SELECT\n    {listed}\nFROM compared AS s\n"
        f"JOIN {tables.name(LOCATIONS)} AS l ON l.location_id = s.location_id\n"
        "GROUP BY s.forecast, s.location_id, s.lead_hours"
    )


# no others, or PostgreSQL sorts them too
_NEEDED = (
    "r.location_id, r.hour, r.temp, r.wind_speed, r.pressure, coalesce(r.rain_1h, 0) + coalesce(r.snow_1h, 0) AS mm_1"
)
_OBSERVED = """    SELECT n.*, CASE WHEN count(*) OVER three_hours = 3 THEN sum(n.mm_1) OVER three_hours END AS mm_3
    FROM nearest AS n
    WINDOW three_hours AS (
        PARTITION BY n.location_id ORDER BY n.hour RANGE BETWEEN INTERVAL '2 hours' PRECEDING AND CURRENT ROW
    )"""
_COMPARED = f"""    SELECT c.*, c.pop - c.wet AS pop_error
    FROM (
        SELECT f.forecast, f.location_id, f.dt, f.lead_hours, f.pop,
            f.temp - o.temp AS temp_error,
            f.wind_speed - o.wind_speed AS wind_speed_error,
            f.pressure - o.pressure AS pressure_error,
            CASE
                WHEN f.pop IS NULL OR (CASE f.step_hours WHEN 3 THEN o.mm_3 ELSE o.mm_1 END) IS NULL THEN NULL
                WHEN (CASE f.step_hours WHEN 3 THEN o.mm_3 ELSE o.mm_1 END) >= {_WET_MM}
                    THEN CAST(1 AS double precision)
                ELSE CAST(0 AS double precision)
            END AS wet
        FROM steps AS f
        JOIN observed AS o ON o.location_id = f.location_id AND o.hour = f.dt
    ) AS c"""


def _steps(tables: SourceTables, table: str) -> str:
    return (
        f"    SELECT '{table}' AS forecast, {_STEP_HOURS[table]} AS step_hours, t.location_id, t.dt,\n"
        "        CAST(floor((extract(epoch FROM t.dt) - extract(epoch FROM t.issued_at)) / 3600) AS integer)"
        " AS lead_hours,\n"
        f"        {tables.temperature(table, 'temp')} AS temp,\n"
        f"        {tables.speed(table, 'wind_speed')} AS wind_speed,\n"
        f"        {tables.column(table, 'pressure')} AS pressure, {tables.column(table, 'pop')} AS pop\n"
        f"    FROM {tables.name(table)} AS t"
    )


def _measures(name: str) -> tuple[str, str, str]:
    error = f"s.{name}_error"
    return (
        f"avg({error}) AS {name}_mean_error",
        f"avg(abs({error})) AS {name}_mae",
        f"sqrt(avg(power({error}, 2))) AS {name}_rmse",
    )


def _error_columns(name: str, what: str) -> tuple[ViewColumn, ...]:
    (unit,) = (column.unit for column in columns_of("forecast", name))
    return (
        ViewColumn(f"{name}_mean_error", pa.float64(), f"Mean error of the {what}, forecast minus observed", unit),
        ViewColumn(f"{name}_mae", pa.float64(), f"Mean absolute error of the {what}", unit),
        ViewColumn(f"{name}_rmse", pa.float64(), f"Root mean square error of the {what}", unit),
    )


FORECAST_ACCURACY = View(
    name="forecast_accuracy",
    description=(
        "Forecasts compared with the observation that is nearest to the hour they describe, at most half an hour away; "
        "one row a forecast table, location and lead time. Several rows are combined by means weighted with forecasts, "
        "of squares for root mean square errors (WMO-No. 485, appendix 2.2.34; Wilks, Statistical Methods in the "
        "Atmospheric Sciences, chapter 8)."
    ),
    tables=tuple(_STEP_HOURS),
    columns=(
        ViewColumn("forecast", pa.string(), "Table of the forecast"),
        *columns_of(LOCATIONS, LOCATION_ID, "name"),
        ViewColumn("lead_hours", pa.int64(), "Hours from issued_at to the hour that the forecast describes"),
        ViewColumn("forecasts", pa.int64(), "Number of forecasts compared"),
        ViewColumn("first_dt", TIMESTAMP, "First hour compared, UTC"),
        ViewColumn("last_dt", TIMESTAMP, "Last hour compared, UTC"),
        ViewColumn("units", pa.string(), "The setting units, in which the errors are, whatever the rows' own units"),
        *_error_columns("temp", "temperature"),
        *_error_columns("wind_speed", "wind speed"),
        *_error_columns("pressure", "pressure"),
        ViewColumn(
            "pop_forecasts",
            pa.int64(),
            "Number of probabilities of precipitation compared: of steps all of whose hours, 3 in forecast, were "
            "observed",
        ),
        ViewColumn(
            "pop_brier_score",
            pa.float64(),
            f"Brier score of the probability of precipitation, 0 is perfect; the event is at least {_WET_MM} mm of "
            "rain and snow in the step (Brier 1950)",
        ),
        ViewColumn(
            "pop_brier_skill",
            pa.float64(),
            "Brier skill score: 1 is perfect, 0 is as good as precipitation_frequency for a forecast; null where it "
            "is always or never wet",
        ),
        ViewColumn("precipitation_frequency", pa.float64(), "Share of those steps with precipitation, 0 to 1"),
    ),
    select=_select,
    example=(
        "SELECT lead_hours, sum(forecasts) AS forecasts, sum(forecasts * temp_mae) / sum(forecasts) AS temp_mae\n"
        "FROM bronze.forecast_accuracy WHERE forecast = 'forecast' GROUP BY lead_hours ORDER BY lead_hours;"
    ),
)
