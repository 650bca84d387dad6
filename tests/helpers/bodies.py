"""Answers in the shapes that OpenWeather has sent over the years; the values are invented."""

from __future__ import annotations

from typing import Any

CLEAR = {"id": 800, "main": "Clear", "description": "clear sky", "icon": "01n"}
RAIN = {"id": 501, "main": "Rain", "description": "moderate rain", "icon": "10d"}
MIST = {"id": 701, "main": "Mist", "description": "mist", "icon": "50d"}

# neither timezone nor feels_like; sys.message is a float
CURRENT_2015: dict[str, Any] = {
    "coord": {"lon": 24.11, "lat": 56.95},
    "weather": [CLEAR],
    "base": "cmc stations",
    "main": {"temp": 281.3, "pressure": 1017.4, "humidity": 77, "temp_min": 280.15, "temp_max": 282.85},
    "visibility": 16093,
    "wind": {"speed": 2.1, "deg": 200.501},
    "clouds": {"all": 0},
    "dt": 1443000000,
    "sys": {"type": 1, "id": 5442, "message": 0.0102, "country": "LV", "sunrise": 1442980000, "sunset": 1443024000},
    "id": 456172,
    "name": "Riga",
    "cod": 200,
}
# no model direction of wind, a range in its place; rain of 3 hours; the country in words
CURRENT_2014: dict[str, Any] = {
    "coord": {"lon": 77, "lat": 28},
    "sys": {"message": 0.3, "country": "India", "sunrise": 1395794000, "sunset": 1395838000},
    "weather": [RAIN, MIST],
    "base": "cmc stations",
    "main": {"temp": 300, "humidity": 40, "pressure": 1003, "temp_min": 300, "temp_max": 300},
    "wind": {"speed": 1.5, "var_beg": 190, "var_end": 260},
    "rain": {"3h": 1},
    "snow": {},
    "clouds": {"all": 90},
    "dt": 1395812000,
    "id": 1273294,
    "name": "Delhi",
    "cod": "200",
}
# at sea, in the polar night: no country, type or id; no city; sun 0 and 0
CURRENT_AT_SEA: dict[str, Any] = {
    "coord": {"lon": 12.5, "lat": 84},
    "weather": [CLEAR],
    "base": "stations",
    "main": {"temp": -22, "feels_like": -29.2, "temp_min": -22, "temp_max": -22, "pressure": 1021, "humidity": 94},
    "wind": {"speed": 0},
    "clouds": {"all": 3},
    "dt": 1766000000,
    "sys": {"sunrise": 0, "sunset": 0},
    "timezone": 3600,
    "id": 0,
    "name": "",
    "cod": 200,
}
CURRENT_TODAY: dict[str, Any] = CURRENT_AT_SEA | {
    "main": {"temp": 12.2, "pressure": 1009, "humidity": 81, "sea_level": 1009, "grnd_level": 1007},
    "sys": {"type": 2, "id": 2037284, "country": "LV", "sunrise": 1766043600, "sunset": 1766068800},
    "rain": {"1h": 0.42},
    "snow": {"1h": 0.1},
    "weather": [RAIN, MIST],
    "id": 456172,
    "name": "Рига",
}
CURRENT_NULLS: dict[str, Any] = CURRENT_TODAY | {
    "rain": None,
    "snow": None,
    "visibility": None,
    "wind": {"speed": 3, "deg": None, "gust": None},
}

# message and cod differ; city.id in quotes; no timezone, visibility, pop or gust; rain {} where it is dry
FORECAST_2013: dict[str, Any] = {
    "cod": "200",
    "message": 0.0091,
    "city": {"id": "456172", "name": "Riga", "coord": {"lon": 24.10589, "lat": 56.946}, "country": "LV"},
    "cnt": 2,
    "list": [
        {
            "dt": 1379000000 // 10800 * 10800,
            "main": {
                "temp": 287.9,
                "temp_min": 286.111,
                "temp_max": 287.9,
                "pressure": 1013.51,
                "sea_level": 1017.3,
                "grnd_level": 1013.51,
                "humidity": 80,
                "temp_kf": 1.79,
            },
            "weather": [RAIN],
            "clouds": {"all": 76},
            "wind": {"speed": 4.6, "deg": 250.003},
            "rain": {"3h": 2},
            "sys": {"pod": "d"},
            "dt_txt": "2013-09-12 15:00:00",
        },
        {
            "dt": 1379000000 // 10800 * 10800 + 10800,
            "main": {"temp": 286, "pressure": 1014, "humidity": 85},
            "weather": [CLEAR],
            "clouds": {"all": 0},
            "wind": {"speed": 3, "deg": 251},
            "rain": {},
            "sys": {"pod": "n"},
            "dt_txt": "2013-09-12 18:00:00",
        },
    ],
}
# cnt of the whole, but a shortened list; city without a name
FORECAST_TODAY: dict[str, Any] = {
    "cod": "200",
    "message": 0,
    "cnt": 40,
    "list": [
        {
            "dt": 1779300000 + 10800 * step,
            "main": {
                "temp": 10 + step,
                "feels_like": 9.5,
                "temp_min": 10,
                "temp_max": 12,
                "humidity": 60,
                "temp_kf": 0,
            },
            "weather": [RAIN, MIST],
            "clouds": {"all": 84},
            "wind": {"speed": 4.9, "deg": 241, "gust": 10.2},
            "pop": step % 2,
            "rain": {"3h": 0.88},
            "snow": {"3h": 0.1},
            "sys": {"pod": "d"},
            "dt_txt": "",
        }
        for step in range(3)
    ],
    "city": {"id": 0, "name": "", "coord": {"lat": 0, "lon": 0}, "country": "", "population": 0, "sunrise": 0},
}

COMPONENTS = {"co": 203.61, "no": 0, "no2": 5.4, "o3": 75.1, "so2": 0.64, "pm2_5": 4, "pm10": 5.7, "nh3": 0.12}


def air(dt: int, coord: object, *, aqi: float = 2, **components: float | None) -> dict[str, Any]:
    """Two hours of air quality."""
    return {
        "coord": coord,
        "list": [
            {"main": {"aqi": aqi}, "components": COMPONENTS | components, "dt": dt},
            {"dt": dt + 3600, "main": {"aqi": 1}, "components": COMPONENTS},
        ],
    }


def one_call(dt: int, *, alerts: list[dict[str, Any]] | None = None, **others: object) -> dict[str, Any]:
    """One Call 3.0 with an hour, a day and a minute; ``others`` are members to add or to set to None."""
    moment = {
        "pressure": 1024,
        "humidity": 82,
        "dew_point": 286,
        "uvi": 0,
        "clouds": 20,
        "wind_speed": 0,
        "wind_deg": 0,
        "weather": [RAIN],
    }
    body: dict[str, Any] = {
        "lat": 45,
        "lon": 12.5,
        "timezone": "Europe/Rome",
        "timezone_offset": 7200,
        "current": moment | {"dt": dt + 77, "sunrise": dt, "sunset": dt + 40000, "temp": 289.2, "feels_like": 288},
        "minutely": [{"dt": dt + 60 * minute, "precipitation": minute % 2} for minute in range(61)],
        "hourly": [
            moment | {"dt": dt, "temp": 289, "feels_like": 288.1, "pop": 0.4, "rain": {"1h": 0.21}},
            moment | {"dt": dt + 3600, "temp": 288.5, "visibility": 10000, "wind_gust": 3, "pop": 0},
        ],
        "daily": [
            moment
            | {
                "dt": dt,
                "sunrise": dt - 20000,
                "sunset": dt + 20000,
                "moonrise": 0,
                "moonset": dt + 7000,
                "moon_phase": 0.65,
                "temp": {"day": 288, "min": 284.1, "max": 289.2, "night": 286.6, "eve": 288.9, "morn": 284.4},
                "feels_like": {"day": 286.8, "night": 285.2, "eve": 287.7, "morn": 283},
                "pop": 1,
                "rain": 3,
                "snow": 0.35,
            }
        ],
    }
    if alerts is not None:
        body["alerts"] = alerts
    for name, value in others.items():
        if value is None:
            del body[name]
        else:
            body[name] = value
    return body


ALERT: dict[str, Any] = {
    "sender_name": "Regional Weather Office",
    "event": "Flood Watch",
    "start": 1779300000,
    "end": 1779350000,
    "description": "...FLOOD WATCH IN EFFECT...\n* WHERE: the valley",
    "tags": ["Flood"],
}
