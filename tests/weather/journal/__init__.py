"""Tests of the journal of answers: its files and what is read of them."""
