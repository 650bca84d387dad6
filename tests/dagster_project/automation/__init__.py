"""Tests of schedules and sensors."""
