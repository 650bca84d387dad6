"""Names of checks that alerts and failures treat by their meaning."""

LOCATIONS_ARE_RECENT = "locations_are_recent"
REJECT_RATE = "reject_rate"
NOTHING_SET_ASIDE = "nothing_set_aside"
BACKUPS_ARE_RECENT = "backups_are_recent"
SPACE_LASTS = "space_lasts"
MONTH_OF_PLAN = "month_of_plan_lasts"
MONTH_OF_ONE_CALL = "month_of_one_call_lasts"
