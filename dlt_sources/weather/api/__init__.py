"""OpenWeather over HTTP: endpoints as data, the client, the meaning of answers, rate limits.

Imports ``contracts`` and ``common`` only; knows no database.
"""
