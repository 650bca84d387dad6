"""Tests of what ``infra`` holds for people: dashboards, rules, the services of one machine."""
