"""A city's policy: one file, from which the rules that are executed and the notice that is read both come (C-1.1).

load, lint, publish, version and current are what the rest of the house needs; the values are in `model`.
"""

from stadtmail.privacy.policy.compiler import PolicyRefused, compile_policy
from stadtmail.privacy.policy.findings import Finding
from stadtmail.privacy.policy.model import Policy, Rule
from stadtmail.privacy.policy.published import NoSuchNotice, VersionNotRaised, current, lint, load, publish, version, versions

__all__ = [
    "Finding", "NoSuchNotice", "Policy", "PolicyRefused", "Rule", "VersionNotRaised",
    "compile_policy", "current", "lint", "load", "publish", "version", "versions",
]  # fmt: skip
