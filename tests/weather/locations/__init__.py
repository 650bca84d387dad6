"""Tests of parsing and geocoding locations."""
