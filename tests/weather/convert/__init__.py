"""Tests of the conversion of answers into rows."""
