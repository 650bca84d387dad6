"""Tests of the state of the tables: what is late, and why."""
