"""Grafana's dashboard: its layout, and the expansion of its queries; ``test_panels.py`` runs them."""

from datetime import datetime, timezone

import pytest

from tests.infra.panels import Range, dashboard, expand, panels


def test_panels_do_not_overlap_and_have_an_id_and_a_description_each():
    found = dashboard()["panels"]
    assert len({panel["id"] for panel in found}) == len(found)
    assert [panel["title"] for panel in panels() if not panel["description"]] == []
    taken = set()
    for panel in found:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


def test_a_macro_or_variable_that_grafana_would_not_know_is_an_error():
    shown = Range(datetime(2026, 5, 1, tzinfo=timezone.utc), datetime(2026, 5, 2, tzinfo=timezone.utc))
    assert expand("$__timeFilter(dt)", shown, {}) == "dt BETWEEN '2026-05-01T00:00:00Z' AND '2026-05-02T00:00:00Z'"
    assert expand("${location:sqlstring}", shown, {"location": ["a", "o'b"]}) == "'a','o''b'"
    for wrong in ("$__timeFiltr(dt)", "$location", "${location:csv}"):
        with pytest.raises(ValueError, match=r"macro|not expanded|csv"):
            expand(wrong, shown, {"location": "a"})
