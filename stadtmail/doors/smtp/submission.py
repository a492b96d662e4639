"""A conversation with a mail program (RFC 6409): it logs in first, sends as its owner only, and is asked about itself by nobody.

What it says in EHLO is compared with the syntax and forgotten; its address lies in RAM while it is connected and nowhere else.
250 after a message means that it will arrive or that its sender will hear why not.
"""

import base64
from functools import partial
from ipaddress import ip_address

from stadtmail.doors.smtp import intake, replies, stream
from stadtmail.doors.smtp.conversation import Conversation, HangUp
from stadtmail.doors.smtp.replies import Reply
from stadtmail.kit import clock, log
from stadtmail.kit.errors import StadtmailError, TryLater
from stadtmail.mail.actions import entering, rates, sending, submitting
from stadtmail.mail.actions.entering import Entered
from stadtmail.mail.actions.sending import To
from stadtmail.people.actions.credentials import WrongCredentials
from stadtmail.wire import sasl, smtp
from stadtmail.wire.smtp import Malformed

AUTH_LINE = 12_288  # octets (RFC 4954 4)
WRONG_WEIGHS = 4  # a wrong password counts like so many wrong commands
_UNTOLD = "-"
RATES = rates.Rates()

# the first kind that fits decides; what is not here is told as by the door for incoming mail
OF_ERROR: tuple[tuple[type[Exception], Reply], ...] = (
    (submitting.LoginEnded, replies.LOGIN_ENDED),
    (submitting.NotYourAddress, replies.NOT_YOURS),
    (submitting.UnclearHeader, replies.UNCLEAR_HEADER),
    (sending.NotYourAddress, replies.NOT_YOURS),
    (sending.MayNotSend, replies.LOGIN_FIRST),
    (sending.TooOften, replies.SENT_TOO_MUCH),
    (sending.Loop, replies.LOOP),
)
OF_LOGIN: tuple[tuple[type[Exception], Reply], ...] = (
    (sasl.Malformed, replies.BAD_LOGIN),
    (WrongCredentials, replies.WRONG_LOGIN),
    (entering.ActsForAnother, replies.WRONG_LOGIN),
    (entering.TooManyTries, replies.LOGIN_LATER),
    (TryLater, replies.LOGIN_LATER),
)


class Submission(Conversation):
    """State of one mail program's connection."""

    _who: Entered | None = None

    def _words(self) -> list[str]:
        mechanisms = [f"AUTH {' '.join(entering.MECHANISMS)}"] if self._may_log_in() else []
        return [*super()._words(), "DSN", *mechanisms]

    async def _hello(self, rest: bytes, *, extended: bool) -> Reply:
        reply = await super()._hello(rest, extended=extended)
        self._helo = self._helo and _UNTOLD
        return reply

    def _may_log_in(self) -> bool:
        """Over TLS, or from this machine."""
        if self._tls:
            return True
        try:
            return ip_address(self._stream.peer.partition("%")[0]).is_loopback
        except ValueError:
            return False

    async def _auth(self, rest: bytes) -> Reply | None:
        """AUTH (RFC 4954)."""
        if not self._extended or self._who is not None or self._envelope is not None:
            return replies.BAD_SEQUENCE
        if not self._may_log_in():
            return replies.ENCRYPT_FIRST
        if not rest:
            return replies.BAD_ARGUMENT
        name, _, initial = rest.partition(b" ")
        mechanism = entering.MECHANISMS.get(name.decode("latin-1").upper())
        if mechanism is None:
            return replies.BAD_MECHANISM
        steps = mechanism(entering.Porch("submission", self._stream.peer, clock.now))
        try:
            self._who = await self._asked_through(steps, initial or None)
        except tuple(kind for kind, _ in OF_LOGIN) as error:
            reply = next(reply for kind, reply in OF_LOGIN if isinstance(error, kind))
            self._errors += WRONG_WEIGHS if reply is replies.WRONG_LOGIN else 0
            return reply
        if self._who is not None:
            await self._server.known(self, self._who.connection)
        return replies.LOGGED_IN if self._who else replies.CANCELLED

    async def _asked_through(self, steps: entering.Steps, answer: bytes | None) -> Entered | None:
        """Ask and answer to the end of a mechanism; None where the program gives up."""
        challenge = next(steps)
        while True:
            if answer is None:
                self._say(Reply(334, "", base64.b64encode(challenge).decode()))
                answer = await self._line(AUTH_LINE)
            if answer == b"*":
                return None
            came = await self._server.crew.check(partial(entering.step, steps, sasl.base64(answer)))
            if isinstance(came, Entered):
                return came
            challenge, answer = came, None

    async def _line(self, limit: int) -> bytes:
        try:
            seconds = self._server.patience(self._bounds.command_seconds)
            line = await self._stream.line(limit=limit, flood=self._bounds.flood_bytes, seconds=seconds)
        except stream.LineTooLong:
            raise sasl.Malformed("message") from None
        return line.rstrip(b"\r\n")

    async def _starttls(self, rest: bytes) -> Reply | None:
        """Before a login only: whoever logged in in clear must not be taken for who encrypts afterwards (RFC 3207 4.2)."""
        return await super()._starttls(rest) if self._who is None else replies.BAD_SEQUENCE

    async def _mail(self, rest: bytes) -> Reply:
        if self._who is None:
            return replies.LOGIN_FIRST
        if not self._helo or self._envelope is not None:
            return replies.BAD_SEQUENCE
        try:
            envelope = smtp.mail(rest, submitted=True)
        except Malformed as problem:
            return replies.of_malformed(problem.kind, address=replies.BAD_SENDER)
        if envelope.size > self._bounds.message_bytes:
            return replies.TOO_BIG
        try:
            await self._server.crew.quick(partial(submitting.may_send_as, self._who, envelope.sender))
        except Exception as error:  # noqa: BLE001 - a bug is 451
            return await self._undelivered(error)
        self._envelope = envelope
        return replies.SENDER_OK

    async def _rcpt(self, rest: bytes) -> Reply:
        if self._who is None:
            return replies.LOGIN_FIRST
        if self._envelope is None or self._intake is not None:
            return replies.BAD_SEQUENCE
        try:
            postmaster = f"postmaster@{self._who.tenant.domain}"
            asked = smtp.asked(rest, utf8=self._envelope.utf8, postmaster=postmaster)
        except Malformed as problem:
            return replies.of_malformed(problem.kind, address=replies.BAD_RECIPIENT)
        if asked.address not in self._recipients and len(self._recipients) >= self._bounds.recipients:
            return replies.TOO_MANY_RECIPIENTS
        try:
            await self._server.crew.quick(partial(submitting.reachable, asked.address, now=clock.now()))
        except Exception as error:  # noqa: BLE001 - a bug is 451, not a lost connection
            reply = await self._undelivered(error)
            if reply is replies.NO_SUCH_MAILBOX and not await self._server.crew.quick(partial(self._may_ask, self._stream.peer)):
                raise HangUp(replies.TOO_MANY_ERRORS) from None
            return reply
        self._recipients[asked.address] = To(asked.address, asked.notify, asked.orcpt)
        return replies.RECIPIENT_OK

    async def _deliver(self) -> Reply:
        """Hand the message over; it is durable when the room says so."""
        assert self._intake is not None
        assert self._envelope is not None
        assert self._who is not None
        message = await self._intake.finish()
        if message is None:
            refusal = self._intake.refusal
            await self._forget()
            assert refusal is not None
            return refusal
        envelope, recipients = self._envelope, list(self._recipients.values())
        await self._forget()
        self._stream.flush()
        letter = submitting.Letter(envelope.sender, recipients, envelope.ret, envelope.envid, envelope.utf8)
        crew = self._server.crew
        try:
            await crew.long(partial(submitting.submit, self._who, letter, message, limits=RATES, now=clock.now()))
        except submitting.LoginEnded:
            raise HangUp(replies.LOGIN_ENDED) from None
        except Exception as error:  # noqa: BLE001 - a bug is 451
            return await self._undelivered(error)
        finally:
            await crew.long(partial(intake.drop, message))
        return replies.TAKEN

    async def _undelivered(self, error: BaseException) -> Reply:
        if isinstance(error, sending.BadRecipient) and error.positions:
            error = error.positions[min(error.positions)]
        known = next((reply for kind, reply in OF_ERROR if isinstance(error, kind)), None)
        if known is None and not isinstance(error, StadtmailError):
            log.bug(error, role="doors")
        return known or (replies.of_error(error) if isinstance(error, Exception) else replies.TRY_LATER)
