"""Servers, workers, recorded bodies and queries that several test modules use."""
