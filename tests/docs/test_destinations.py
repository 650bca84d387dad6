"""The page of destinations: its tables say what dlt declares."""

from __future__ import annotations

from tests.destinations.page import others, tried
from tests.docs.pages import PAGES

PAGE = PAGES["docs/destinations.md"]


def test_the_page_of_destinations_says_what_dlt_declares():
    """If not: ``uv run python -m tests.destinations --page``."""
    assert others() in PAGE


def test_each_destination_that_can_be_played_has_a_row_of_its_present_strategy():
    rows = PAGE.splitlines()
    for beginning in tried():
        assert sum(row.startswith(beginning) for row in rows) == 1, beginning
