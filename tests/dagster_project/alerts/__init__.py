"""Tests of the alerts: real runs, real HTTP and SMTP receivers."""
