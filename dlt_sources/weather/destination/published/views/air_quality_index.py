"""View ``air_quality_index``: the indices of the United States and of Europe, and OpenWeather's.

NowCast of particles: EPA-454/B-24-002, section IV, "How the NowCast is calculated". Ozone and carbon monoxide are
averages of the 8 hours that end with the hour, of which 6 must be there (40 CFR part 50, appendix U, section 3, and 40
CFR 50.8); AirNow's own NowCast of ozone is a regression on other data. 24 hours of sulphur dioxide need 18.

OpenWeather's µg/m³ become ppb at 25 °C and 1 atm, the reference conditions of 40 CFR 50.3, where a mole of gas is 24.45
litres (NIOSH Pocket Guide to Chemical Hazards, conversion factors): ppb = µg/m³ * 24.45 / molar mass.
"""

from __future__ import annotations

import pyarrow as pa

from dlt_sources.weather.contracts.base import LOCATION_ID, LOCATIONS, TIMESTAMP
from dlt_sources.weather.destination.published.views import european_index as european
from dlt_sources.weather.destination.published.views import us_index as us
from dlt_sources.weather.destination.published.views.model import View, ViewColumn, columns_of
from dlt_sources.weather.destination.published.views.observations import AIR_TABLE, air_rows
from dlt_sources.weather.destination.published.views.tables import SourceTables

_LITRES = 24.45
# g/mol, from the standard atomic weights of IUPAC, abridged: C 12.011, N 14.007, O 15.999, S 32.06
_MOLAR_MASS = {"o3": 47.997, "co": 28.010, "so2": 64.058, "no2": 46.005}
_NOWCAST = ("pm2_5", "pm10")
_US = ("pm2_5", "pm10", "o3", "co", "so2", "no2")
# their indices need several hours; those of gases that need one would stand alone before, and may read far too low
_DECISIVE = ("pm2_5", "pm10", "o3")
_NOWCAST_HOURS = 12
# of the hours of an average, 75 %
_LEAST_OF_8, _LEAST_OF_24 = 6, 18
_ON_THE_HOUR = "mod(CAST(extract(epoch FROM r.dt) AS bigint), 3600) = 0"


def _select(tables: SourceTables) -> str:
    sub_indices = [f"i.us_{pollutant}" for pollutant in _US]
    bands = [f"i.european_{pollutant}" for pollutant in european.BANDS]
    listed = ",\n    ".join(
        [
            "i.location_id",
            "l.name",
            "i.dt",
            "i.aqi AS openweather_aqi",
            "i.us_aqi",
            f"{us.category('i.us_aqi')} AS us_category",
            f"{_worst('i.us_aqi', 'us', _US)} AS us_pollutant",
            *sub_indices,
            "i.european_aqi",
            f"{european.name('i.european_aqi')} AS european_category",
            f"{_worst('i.european_aqi', 'european', tuple(european.BANDS))} AS european_pollutant",
            *bands,
            *(f"i.{name}_nowcast" for name in _NOWCAST),
            *(f"i.{name}" for name in ("o3_ppb", "co_ppm", "so2_ppb", "no2_ppb")),
        ]
    )
    worst_us = ", ".join(f"s.us_{pollutant}" for pollutant in _US)
    worst_european = ", ".join(f"s.european_{pollutant}" for pollutant in european.BANDS)
    unknown = " OR ".join(f"s.{name} IS NOT NULL AND s.us_{name} IS NULL" for name in _DECISIVE)
    return (
        f"WITH converted AS (\n{_converted(tables)}\n),\nwindowed AS (\n{_windowed()}\n),\n"
        f"averaged AS (\n{_averaged(tables)}\n),\nindexed AS (\n{_indexed(tables)}\n)\n"
        f"SELECT\n    {listed}\nFROM (\n"
        f"    SELECT s.*, CASE WHEN {unknown} THEN NULL ELSE greatest({worst_us}) END AS us_aqi,\n"
        f"        greatest({worst_european}) AS european_aqi{tables.computed_once('s', 'indices')}\n"
        "    FROM indexed AS s\n) AS i\n"
        f"JOIN {tables.name(LOCATIONS)} AS l ON l.location_id = i.location_id"
    )


def _converted(tables: SourceTables) -> str:
    gases = {
        "o3_ppb": f"r.o3 * {_LITRES} / {_MOLAR_MASS['o3']}",
        "co_ppm": f"r.co * {_LITRES} / {_MOLAR_MASS['co']} / 1000",
        "so2_ppb": f"r.so2 * {_LITRES} / {_MOLAR_MASS['so2']}",
        "no2_ppb": f"r.no2 * {_LITRES} / {_MOLAR_MASS['no2']}",
    }
    listed = ",\n        ".join(f"{expression} AS {name}" for name, expression in gases.items())
    # another answer than one on the hour fills no hour
    return f"    SELECT r.*,\n        {listed}\n    FROM (\n{air_rows(tables)}\n    ) AS r\n    WHERE {_ON_THE_HOUR}"


def _windowed() -> str:
    """Return a query of each hour with the 11 rows before it, and the averages of the hours that it ends."""
    earlier = range(1, _NOWCAST_HOURS)
    values = [
        *(f"extract(epoch FROM c.dt - lag(c.dt, {k}) OVER rows_before) / 3600 AS age_{k}" for k in earlier),
        *(f"lag(c.{name}, {k}) OVER rows_before AS {name}_{k}" for name in _NOWCAST for k in earlier),
        *(
            f"min(c.{name}) OVER hours_12 / nullif(max(c.{name}) OVER hours_12, 0) AS {name}_steady"
            for name in _NOWCAST
        ),
        *(f"count(c.{name}) OVER hours_3 AS {name}_recent" for name in _NOWCAST),
        *(
            f"CASE WHEN count(c.{name}) OVER hours_8 >= {_LEAST_OF_8} THEN avg(c.{name}) OVER hours_8 END AS {name}_8"
            for name in ("o3_ppb", "co_ppm")
        ),
        f"CASE WHEN count(c.so2_ppb) OVER hours_24 >= {_LEAST_OF_24}"
        " THEN avg(c.so2_ppb) OVER hours_24 END AS so2_ppb_24",
    ]
    listed = ",\n        ".join(values)
    windows = ",\n        ".join(
        f"hours_{hours} AS (PARTITION BY c.location_id ORDER BY c.dt"
        f" RANGE BETWEEN INTERVAL '{hours - 1} hours' PRECEDING AND CURRENT ROW)"
        for hours in (3, 8, 12, 24)
    )
    return (
        f"    SELECT c.*,\n        {listed}\n    FROM converted AS c\n"
        f"    WINDOW rows_before AS (PARTITION BY c.location_id ORDER BY c.dt),\n        {windows}"
    )


def _averaged(tables: SourceTables) -> str:
    # the weight is at least one half; air without particles is steady
    weights = ", ".join(f"greatest(coalesce(w.{name}_steady, 1), 0.5) AS {name}_weight" for name in _NOWCAST)
    nowcasts = ",\n        ".join(f"{_nowcast(name)} AS {name}_nowcast" for name in _NOWCAST)
    return (
        f"    SELECT v.*,\n        {nowcasts}{tables.computed_once('v', 'nowcasts')}\n"
        f"    FROM (SELECT w.*, {weights}{tables.computed_once('w', 'weights')} FROM windowed AS w) AS v"
    )


def _nowcast(name: str) -> str:
    """Return SQL for the NowCast of a pollutant; a row that is missing or too old counts for nothing."""
    weight = f"v.{name}_weight"
    above, below = [f"coalesce(v.{name}, 0)"], [f"CASE WHEN v.{name} IS NULL THEN 0 ELSE 1 END"]
    for k in range(1, _NOWCAST_HOURS):
        counts = f"CASE WHEN v.age_{k} < {_NOWCAST_HOURS} AND v.{name}_{k} IS NOT NULL THEN power({weight}, v.age_{k})"
        above.append(f"{counts} * v.{name}_{k} ELSE 0 END")
        below.append(f"{counts} ELSE 0 END")
    plus = "\n            + "
    # at least two of the last three hours must be there
    return (
        f"CASE WHEN v.{name}_recent >= 2 THEN (\n            {plus.join(above)}\n        ) / (\n"
        f"            {plus.join(below)}\n        ) END"
    )


def _indexed(tables: SourceTables) -> str:
    o3 = (
        f"greatest({us.sub_index(us.truncated('a.o3_ppb_8', 0), us.O3_8_HOURS, 'NULL')}, "
        f"{us.sub_index(us.truncated('a.o3_ppb', 0), us.O3_1_HOUR)})"
    )
    so2 = (
        f"greatest({us.sub_index(us.truncated('a.so2_ppb', 0), us.SO2_1_HOUR, '200')}, "
        f"{us.sub_index(us.truncated('a.so2_ppb_24', 0), us.SO2_24_HOURS)})"
    )
    indices = {
        "us_pm2_5": us.sub_index(us.truncated("a.pm2_5_nowcast", 1), us.PM2_5),
        "us_pm10": us.sub_index(us.truncated("a.pm10_nowcast", 0), us.PM10),
        "us_o3": o3,
        "us_co": us.sub_index(us.truncated("a.co_ppm_8", 1), us.CO),
        "us_so2": so2,
        "us_no2": us.sub_index(us.truncated("a.no2_ppb", 0), us.NO2),
        **{f"european_{name}": european.band(f"a.{name}", name) for name in european.BANDS},
    }
    listed = ",\n        ".join(f"{expression} AS {name}" for name, expression in indices.items())
    return f"    SELECT a.*,\n        {listed}{tables.computed_once('a', 'sub_indices')}\n    FROM averaged AS a"


def _worst(index: str, prefix: str, pollutants: tuple[str, ...]) -> str:
    cases = " ".join(f"WHEN {index} = i.{prefix}_{name} THEN '{name}'" for name in pollutants)
    return f"CASE {cases} END"


_US_FROM = {
    "pm2_5": "PM2.5, from its NowCast",
    "pm10": "PM10, from its NowCast",
    "o3": "ozone, from the average of 8 hours, or one hour where that is higher",
    "co": "carbon monoxide, from the average of 8 hours",
    "so2": "sulphur dioxide, from one hour; above 200 from the average of 24 hours",
    "no2": "nitrogen dioxide, from one hour",
}
_NAMES = {"pm2_5": "PM2.5", "pm10": "PM10", "o3": "ozone", "so2": "sulphur dioxide", "no2": "nitrogen dioxide"}

AIR_QUALITY_INDEX = View(
    name="air_quality_index",
    description=(
        "Air quality indices of each location and hour of air_pollution: OpenWeather's; the US AQI (40 CFR part 58, "
        "appendix G, table 2; EPA-454/B-24-002, table 6); the European Air Quality Index (ETC HE Report 2024/17, "
        "table 5.2). Gases are converted at 25 °C and 1 atm, 24.45 l/mol. An index without enough hours is null, "
        "and so is the US AQI while that of PM2.5, PM10 or ozone is null though the hour has its concentration."
    ),
    tables=(AIR_TABLE,),
    columns=(
        *columns_of(LOCATIONS, LOCATION_ID, "name"),
        ViewColumn("dt", TIMESTAMP, "Hour that the row describes, UTC"),
        ViewColumn("openweather_aqi", pa.int64(), "OpenWeather's index, 1 (good) to 5 (very poor)"),
        ViewColumn(
            "us_aqi",
            pa.int64(),
            "US AQI of this hour, the highest of the pollutants': 0 to 500, and beyond; null while PM2.5, PM10 or "
            "ozone has a concentration but not yet enough hours for its index, since the others alone would mislead",
        ),
        ViewColumn("us_category", pa.string(), "Category of the US AQI: Good to Hazardous; null as us_aqi is"),
        ViewColumn("us_pollutant", pa.string(), "Pollutant with the highest US index; null as us_aqi is"),
        *(ViewColumn(f"us_{name}", pa.int64(), f"US index of {text}") for name, text in _US_FROM.items()),
        ViewColumn(
            "european_aqi", pa.int64(), "European index, the highest of the pollutants': 1 (good) to 6 (extremely poor)"
        ),
        ViewColumn("european_category", pa.string(), "Band of the European index: Good to Extremely poor"),
        ViewColumn("european_pollutant", pa.string(), "Pollutant with the highest European index"),
        *(
            ViewColumn(f"european_{name}", pa.int64(), f"European index of {_NAMES[name]}, of one hour")
            for name in european.BANDS
        ),
        ViewColumn(
            "pm2_5_nowcast", pa.float64(), "NowCast of PM2.5, a mean of 12 hours that weighs the newest most", "µg/m³"
        ),
        ViewColumn(
            "pm10_nowcast", pa.float64(), "NowCast of PM10, a mean of 12 hours that weighs the newest most", "µg/m³"
        ),
        ViewColumn("o3_ppb", pa.float64(), "Ozone of one hour", "ppb"),
        ViewColumn("co_ppm", pa.float64(), "Carbon monoxide of one hour", "ppm"),
        ViewColumn("so2_ppb", pa.float64(), "Sulphur dioxide of one hour", "ppb"),
        ViewColumn("no2_ppb", pa.float64(), "Nitrogen dioxide of one hour", "ppb"),
    ),
    select=_select,
    example=(
        "SELECT name, dt, openweather_aqi, us_aqi, us_category, us_pollutant, european_category\n"
        "FROM bronze.air_quality_index WHERE dt >= now() - INTERVAL '3 hours' ORDER BY name, dt;"
    ),
)
