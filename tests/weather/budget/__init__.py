"""Tests of the HTTP client, the classification of answers and the rate limits."""
