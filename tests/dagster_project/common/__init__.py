"""Tests of what every part of the Dagster project shares."""
