"""Tests of the dlt source: which requests are made, which rows follow."""
