"""Names of checks that alerts and failures treat by their meaning."""

LOCATIONS_ARE_RECENT = "locations_are_recent"
REJECT_RATE = "reject_rate"
NOTHING_SET_ASIDE = "nothing_set_aside"
