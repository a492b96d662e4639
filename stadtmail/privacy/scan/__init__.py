"""The residue scan: is anything of this person still anywhere? Searches the bytes as they lie, and all that living keys open.

run(tokens, now) -> Report. A hit is explained by a living rule, a hold, or the city's published policy; any other is a broken
promise.
"""

from stadtmail.privacy.scan.opened import register_closed, register_opened
from stadtmail.privacy.scan.report import Hit, Report, run
from stadtmail.privacy.scan.stores import register_store
from stadtmail.privacy.scan.tokens import TooShort, forms

__all__ = ["Hit", "Report", "TooShort", "forms", "register_closed", "register_opened", "register_store", "run"]
