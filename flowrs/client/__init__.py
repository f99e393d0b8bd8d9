"""Clients of the daemon's control socket: they need neither the daemon's code nor Trio nor the C library."""

from flowrs.client.blocking import Client

__all__ = ["Client"]
