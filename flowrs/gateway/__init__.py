"""The process behind the dashboard: the daemon's books for browsers, and its metrics for Prometheus.

It is an ordinary client of the daemon: it can crash, be slow or be attacked without touching the books.
"""
