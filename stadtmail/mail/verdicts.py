"""What is known about where a message comes from, before anybody looks into it. Lives as long as its delivery, and in memory only."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Verdict:
    """Results of SPF, DKIM and DMARC ("pass", "fail", "none", …), the header that says them, and what follows from them."""

    authentication_results: bytes = field(default=b"", repr=False)
    spf: str = "none"
    dkim: str = "none"
    dmarc: str = "none"
    is_junk: bool = False
    reject: str | None = None
