"""OpenWeather over HTTP: the endpoints as data, the client, the classification of responses, the rate limits.

May import ``contracts`` and ``common``. Knows no database.
"""
