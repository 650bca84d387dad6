"""Tests of the scripts of PostgreSQL's pods."""
