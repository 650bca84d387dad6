"""What users give: locations, settings, clocks, secrets."""
