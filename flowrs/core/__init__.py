"""The C library as Python objects: the only importer of the extension `flowrs.core._native`."""

from flowrs.core._native import lib
from flowrs.core.arena import Arena, ArenaReader, View
from flowrs.core.book import ASKS, BIDS, COLON, CROSSED, DIGITS, NARROW, TOP, Book, Header, Scratch
from flowrs.core.frames import Batch, Splitter
from flowrs.core.journal import Excerpt, Journal, Mark
from flowrs.core.lane import LANE_SHIFT, MOST_TEMPLATES, UNPROVEN, Lane, template_fault
from flowrs.core.merge import Merge, merge_books, merge_views
from flowrs.core.merged import Fate, Known, Merged, Part, Top
from flowrs.core.notices import Notices
from flowrs.core.ring import Ring, bucket_floors
from flowrs.core.spelling import PAIRS, Spelling
from flowrs.core.tape import Tape
from flowrs.core.trust import Reason, State, Verified, Writer

SNAPSHOT: int = lib.FRS_SNAPSHOT
QUIET: int = lib.FRS_QUIET

__all__ = [
    "ASKS",
    "BIDS",
    "COLON",
    "CROSSED",
    "DIGITS",
    "LANE_SHIFT",
    "MOST_TEMPLATES",
    "NARROW",
    "PAIRS",
    "QUIET",
    "SNAPSHOT",
    "TOP",
    "UNPROVEN",
    "Arena",
    "ArenaReader",
    "Batch",
    "Book",
    "Excerpt",
    "Fate",
    "Header",
    "Journal",
    "Known",
    "Lane",
    "Mark",
    "Merge",
    "Merged",
    "Notices",
    "Part",
    "Reason",
    "Ring",
    "Scratch",
    "Spelling",
    "Splitter",
    "State",
    "Tape",
    "Top",
    "Verified",
    "View",
    "Writer",
    "bucket_floors",
    "merge_books",
    "merge_views",
    "template_fault",
]
