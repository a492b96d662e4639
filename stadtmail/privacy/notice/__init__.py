"""Everything that a city says about privacy, compiled from its policy: notice, register, annex, imprint. There is no other source.

All texts are HTML-safe: what comes from the policy is escaped. An old version of a policy renders with the same code.
"""

from stadtmail.privacy.notice.annex import Annex, annex
from stadtmail.privacy.notice.clauses import Clause, Section, notice
from stadtmail.privacy.notice.imprint import Imprint, imprint
from stadtmail.privacy.notice.register import Register, register

__all__ = ["Annex", "Clause", "Imprint", "Register", "Section", "annex", "imprint", "notice", "register"]
