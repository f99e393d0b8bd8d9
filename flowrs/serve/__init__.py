"""From the book to the client."""

from flowrs.serve.administration import Administration
from flowrs.serve.answers import Answers
from flowrs.serve.attach import attach_method
from flowrs.serve.consolidated import Consolidation
from flowrs.serve.control import Control, listen
from flowrs.serve.hub import Hub
from flowrs.serve.methods import Client, Method, Table
from flowrs.serve.metrics import Metrics
from flowrs.serve.subscriptions import Subscriptions

__all__ = [
    "Administration",
    "Answers",
    "Client",
    "Consolidation",
    "Control",
    "Hub",
    "Method",
    "Metrics",
    "Subscriptions",
    "Table",
    "attach_method",
    "listen",
]
