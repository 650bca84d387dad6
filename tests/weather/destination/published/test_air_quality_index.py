"""Air quality indices against the worked examples of their standards, and against the same rules in Python."""

from __future__ import annotations

import pytest

from dlt_sources.openweather_simulator.world.air import NAMES, shed_at
from dlt_sources.openweather_simulator.world.air import hours as air_hours
from tests.helpers.support import query
from tests.weather.destination.published.dataset import NOON, hours, make, publish

OSLO = {"location_id": "oslo", "name": "Oslo"}
# µg/m³ of one ppb, or 1,000 times ppm, at 25 °C and 1 atm
PPB = {"o3": 47.997 / 24.45, "co": 28.010 / 24.45, "so2": 64.058 / 24.45, "no2": 46.005 / 24.45}
NOTHING = dict.fromkeys(("co", "no", "no2", "o3", "so2", "pm2_5", "pm10", "nh3"))


def indices(target, rows, *columns, at=NOON):
    """The columns of one hour, of the rows given by hour."""
    filled = [{"location_id": "oslo", "dt": hours(hour), "aqi": 2, **NOTHING, **row} for hour, row in rows.items()]
    make(target, locations=[OSLO], air_pollution=filled)
    publish(target)
    found = query(target, f"SELECT {', '.join(columns)} FROM bronze.air_quality_index WHERE dt = %s", at)
    return found[0]


def steady(hours_before, **row):
    return dict.fromkeys(range(-hours_before + 1, 1), row)


def test_the_examples_of_epa_454_b_24_002(target):
    """Section IV, "How to handle values from multiple pollutants": ozone 126, PM2.5 102, carbon monoxide 90."""
    rows = steady(12, o3=0.07853333e3 * PPB["o3"], pm2_5=35.92431999, co=8.47532711e3 * PPB["co"])
    found = indices(target, rows, "us_o3", "us_pm2_5", "us_co", "us_aqi", "us_category", "us_pollutant")
    assert found == (126, 102, 90, 126, "Unhealthy for Sensitive Groups", "o3")


def test_the_example_of_the_nowcast(target):
    """EPA, "Computing the NowCast": 17.4 µg/m³."""
    measured = (50, 80, 75, 90, 82, 53, 64, 74, 21, 10, 16, 13)
    rows = {hour - 11: {"pm2_5": value, "pm10": value} for hour, value in enumerate(measured)}
    pm2_5, index, pm10 = indices(target, rows, "pm2_5_nowcast", "us_pm2_5", "us_pm10")
    assert round(pm2_5, 1) == 17.4
    assert (index, pm10) == (66, 16), "51 + 49 / 26.3 * (17.4 - 9.1), and 50 / 54 * 17"


# value, US index, European index
ENDS = [
    ({"pm2_5": 9.09}, 50, 2),
    ({"pm2_5": 9.1}, 51, 2),
    ({"pm2_5": 35.4}, 100, 3),
    ({"pm2_5": 5.0}, 28, 1),
    ({"pm2_5": 325.4}, 500, 6),
    ({"pm2_5": 425.4}, 699, 6),
    ({"pm10": 54.9}, 50, 3),
    ({"pm10": 270.0}, 158, 5),
    ({"no2": 100.5 * PPB["no2"]}, 100, 6),
    ({"no2": 25.0}, 12, 2),
    ({"o3": 60.0}, 28, 1),
    ({"o3": 250.5 * PPB["o3"]}, 223, 6),
    ({"so2": 75.9 * PPB["so2"]}, 100, 5),
    ({"so2": 400.5 * PPB["so2"]}, 232, 6),
    ({"co": 9.45e3 * PPB["co"]}, 100, None),
    ({"pm2_5": 0.0}, 0, 1),
]


def test_concentrations_at_the_ends_of_the_tables(duckdb):
    names = [f"place{number:02}" for number in range(len(ENDS))]
    rows = [
        {"location_id": name, "dt": hours(-hour), **NOTHING, **value}
        for name, (value, *_) in zip(names, ENDS, strict=True)
        for hour in range(24)
    ]
    make(duckdb, locations=[{"location_id": name} for name in names], air_pollution=rows)
    publish(duckdb)
    sql = "SELECT us_aqi, european_aqi FROM bronze.air_quality_index WHERE dt = %s ORDER BY location_id"
    assert query(duckdb, sql, NOON) == [(us, european) for _, us, european in ENDS]


def test_one_hour_of_sulphur_dioxide_defines_no_index_above_200(duckdb):
    assert indices(duckdb, steady(24) | {0: {"so2": 900 * PPB["so2"]}}, "us_so2") == (200,)


def test_hours_that_are_missing_count_for_nothing_and_too_few_give_no_index(target):
    rows = {-11: {"pm2_5": 40.0}, -5: {"pm2_5": 20.0, "o3": 100.0}, -1: {"pm2_5": 30.0}, 0: {"pm2_5": 30.0}}
    weight = 0.5
    expected = (30 + 30 * weight + 20 * weight**5 + 40 * weight**11) / (1 + weight + weight**5 + weight**11)
    nowcast, o3 = indices(target, rows, "pm2_5_nowcast", "us_o3")
    assert nowcast == pytest.approx(expected)
    assert o3 is None, "of 8 hours 6 are needed"
    found = query(target, "SELECT pm2_5_nowcast FROM bronze.air_quality_index WHERE dt = %s", hours(-5))
    assert found == [(None,)], "of the last 3 hours 2 are needed"


def test_the_us_index_waits_for_particles_and_ozone_that_have_a_concentration(target):
    air = {"no2": 6.0, "pm2_5": 35.0, "pm10": 40.0, "o3": 90.0}
    rows = steady(7, **air) | {-7: {"no2": 6.0}}
    columns = ("dt", "us_aqi", "us_category", "us_pollutant", "european_aqi", "us_no2")
    make_rows = {hour: rows[hour] for hour in sorted(rows)}
    assert indices(target, make_rows, *columns[1:], at=hours(-6)) == (None, None, None, 3, 3)
    sql = f"SELECT {', '.join(columns[1:4])} FROM bronze.air_quality_index ORDER BY dt"
    without, *found = query(target, sql)
    assert without == (3, "Good", "no2"), "what has no concentration is not waited for"
    assert found[:5] == [(None, None, None)] * 5, "of 8 hours of ozone 6 are needed"
    assert found[5:] == [(99, "Moderate", "pm2_5")] * 2


def test_the_simulators_air_has_the_indices_that_the_rules_give(target):
    first = int(hours(-47).timestamp())
    series = [
        dict(zip(NAMES, (value / 100 for value in row), strict=False))
        for row in air_hours(shed_at(28.6, 77.2), first, 48)
    ]
    columns = ("us_pm10", "us_no2", "european_pm10", "pm10_nowcast", "no2_ppb")
    us_pm10, us_no2, band, nowcast, no2 = indices(target, {n - 47: row for n, row in enumerate(series)}, *columns)
    newest = [row["pm10"] for row in reversed(series[-12:])]
    weight = max(min(newest) / max(newest), 0.5)
    expected = sum(weight**k * value for k, value in enumerate(newest)) / sum(weight**k for k in range(12))
    assert nowcast == pytest.approx(expected)
    table = [(0, 54, 0, 50), (55, 154, 51, 100), (155, 254, 101, 150), (255, 354, 151, 200), (355, 424, 201, 300)]
    low, high, below, above = next(row for row in table if int(expected) <= row[1])
    assert us_pm10 == int(below + (above - below) * (int(expected) - low) / (high - low) + 0.5)
    assert band == 1 + sum(newest[0] > end for end in (15, 45, 120, 195, 270))
    assert no2 == pytest.approx(series[-1]["no2"] / PPB["no2"])
    assert us_no2 == int(50 * int(no2) / 53 + 0.5)
