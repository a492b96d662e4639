"""What was found about a message that came in: by SPF, DKIM, DMARC and ARC, by scanners, by the mailbox's own filter.

A verdict names domains and no machine: a sender's address is used while the connection lasts and is in no field here (C-2.5).
"""

from collections.abc import Container
from dataclasses import dataclass, field, replace

from stadtmail.wire import authres

NONE, PASS, FAIL, TEMPERROR, PERMERROR = "none", "pass", "fail", "temperror", "permerror"
QUARANTINE, REJECT = "quarantine", "reject"
OBEY, JUNK, NOTE = "obey", "junk", "note"  # what a city does where a domain asks to refuse what fails (policy, [inbound] dmarc)
UNLIKELY = 0.9  # from this probability on a message lies in the junk folder


@dataclass(frozen=True)
class Verdict:
    """One message's verdict. `reject`: a closed word (dmarc, malware, spam) where it must not be taken, else None."""

    authentication_results: bytes = field(default=b"", repr=False)  # a whole header line with its end, or nothing
    spf: str = NONE
    dkim: str = NONE
    dmarc: str = NONE
    is_junk: bool = False
    reject: str | None = None
    arc: str = NONE
    sealer: str = field(default="", repr=False)  # who vouches, where the chain of ARC holds
    asked: str = NONE  # what the domain in From asks of this message (RFC 7489): none, quarantine, reject
    prior: float = 0.5  # probability of spam before the mailbox's own filter has seen it

    @property
    def told(self) -> str:
        """What the reader is told of it, beside the message: methods, results and domains (RFC 8601). Empty: nothing was looked for."""
        return self.authentication_results.decode("ascii", "replace").partition(":")[2].strip()

    def vouched(self, server: str) -> bytes:
        """The same for whoever a message is passed on to (ARC), without anything that can name a machine; of `server`, where nobody
        looked for anything."""
        field_ = self.authentication_results or f"Authentication-Results: {server}; none".encode()
        return authres.vouched(field_)


def in_city(verdict: Verdict, *, dmarc: str, sealers: Container[str] = ()) -> Verdict:
    """The verdict by a city's policy: who fails is refused, put into the junk folder, or only noted.

    A chain of ARC that holds makes good for a failure where the city believes whoever sealed it last.
    """
    forgiven = verdict.arc == PASS and verdict.sealer in sealers
    if verdict.asked == NONE or forgiven or dmarc == NOTE:
        return verdict
    refused = verdict.asked == REJECT and dmarc == OBEY
    return replace(verdict, is_junk=True, reject=verdict.reject or ("dmarc" if refused else None))
