"""Tests of the plan of calls and money."""
