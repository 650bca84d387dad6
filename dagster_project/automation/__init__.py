"""What starts runs and deletes old ones: schedules, the sensor for new locations, retention.

Imports ``checks``, ``assets`` and everything below them.
"""
