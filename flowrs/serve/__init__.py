"""From the book to the client."""

from flowrs.serve.administration import Administration
from flowrs.serve.answers import Answers
from flowrs.serve.attach import attach_method
from flowrs.serve.consolidated import Consolidation
from flowrs.serve.control import Control, listen
from flowrs.serve.methods import Client, Method, Table
from flowrs.serve.metrics import Metrics

__all__ = [
    "Administration",
    "Answers",
    "Client",
    "Consolidation",
    "Control",
    "Method",
    "Metrics",
    "Table",
    "attach_method",
    "listen",
]
