"""Tests of the sources of alerts: run events and freshness."""
