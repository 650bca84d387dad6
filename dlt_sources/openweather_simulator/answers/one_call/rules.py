"""What the documentation of One Call 4.0 leaves open, as the simulator takes it, and the alternatives."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Rules(NamedTuple):
    """How a timeline resolves what its documentation does not say; the defaults are taken to be right.

    Attributes:
        start: First row for a `start` between two steps: `inside` the step that holds it, the row before
            (`down`) or after it (`up`), or rows at `exact` steps from it. For hours, `inside` and `down` are the same;
            a day begins at midnight of the place, but its row is stamped with noon.
        cnt_honoured: Whether a `cnt` above the page size is honoured; it is capped otherwise.
        empty_out_of_range: Whether a `start` outside the series gives 200 with an empty list; 400 otherwise.
        first_step: Steps by which pages begin later than they should (earlier if negative).
        more_rows: Rows that pages have more than they should (fewer if negative).
        day_at: Whether a day's `dt` is noon at the place (`noon`) or midnight UTC (`utc_midnight`).
        day_rain: Whether rain and snow of a day are a `number`, as seen, or an `object`, as documented.
        revised: Whether past hours are revised until they are 5 days old.
    """

    start: Literal["inside", "down", "up", "exact"] = "inside"
    cnt_honoured: bool = False
    empty_out_of_range: bool = False
    first_step: int = 0
    more_rows: int = 0
    day_at: Literal["noon", "utc_midnight"] = "noon"
    day_rain: Literal["number", "object"] = "number"
    revised: bool = True


_WORDS = {
    "start": ("inside", "down", "up", "exact"),
    "day_at": ("noon", "utc_midnight"),
    "day_rain": ("number", "object"),
}


def rules_from_json(values: dict[str, object]) -> Rules:
    """Return the rules that a JSON object describes; what it leaves out is taken to be right.

    Raises:
        ValueError: a name or a value that no rule has.
    """
    unknown = values.keys() - set(Rules._fields)
    if unknown:
        raise ValueError(f"a timeline has no {', '.join(sorted(unknown))}")
    for name, allowed in _WORDS.items():
        if name in values and values[name] not in allowed:
            raise ValueError(f"{name} is {' or '.join(allowed)}")
    return Rules(**values)  # type: ignore[arg-type]
