"""The environment that Dagster's processes share: whether the weather is simulated."""

import pytest

from dagster_project.common.environment import is_simulated


@pytest.mark.parametrize(
    ("address", "simulated"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("https://api.openweathermap.org", False),
        ("https://localhost.example.com", False),
    ],
)
def test_weather_from_an_address_of_this_machine_is_simulated(monkeypatch, address, simulated):
    monkeypatch.delenv("WEATHER_DEMO", raising=False)
    monkeypatch.setenv("SOURCES__WEATHER__BASE_URL", address)
    assert is_simulated() is simulated


def test_the_demo_is_simulated_and_other_weather_is_not(monkeypatch):
    monkeypatch.delenv("SOURCES__WEATHER__BASE_URL", raising=False)
    monkeypatch.delenv("WEATHER_DEMO", raising=False)
    assert not is_simulated()
    monkeypatch.setenv("WEATHER_DEMO", "1")
    assert is_simulated()
