"""Tests of the requests of a run: windows, pages, what is asked again."""
