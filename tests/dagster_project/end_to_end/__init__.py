"""Tests of Dagster in real processes: daemon, webserver, browser."""
