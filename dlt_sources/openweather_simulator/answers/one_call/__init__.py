"""One Call: version 3.0 (one answer with all parts, single moments and days) and 4.0 (timelines in pages).

Sources: openweathermap.org/api/one-call-3, openweathermap.org/api/one-call-4.
"""
