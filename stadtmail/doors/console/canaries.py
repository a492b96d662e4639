"""What the test resident is made of: a value in every field that nobody can guess, so that each can be looked for anywhere."""

from dataclasses import fields
from email.message import EmailMessage
from random import SystemRandom
from secrets import token_hex

from stadtmail.people.orders import OrderForm, is_iban
from stadtmail.privacy.policy import Policy

LOCALPART = "~pruefperson"  # no order form takes a tilde: nobody can have it
LARGE_BYTES = 70 * 1024  # lies in a blob
NO_CANARY = frozenset({"kind", "postcode", "birth_date", "localpart", "tariff", "language", "reclaim", "voluntary"})


class Canaries:
    """The order of one test resident. All texts share one core of 96 random bits; numbers have their own."""

    def __init__(self, rules: Policy) -> None:
        self.core = token_hex(12)
        most = max(rules.tariffs.values(), key=lambda tariff: (len(tariff.needs), tariff.code))
        self.form = OrderForm(
            kind="person", name=self._word("name"), street=self._word("street"), postcode="00000", town=self._word("town"),
            birth_date="1970-01-01", localpart=LOCALPART, tariff=most.code, language="de", password=self._word("password"),
            phone=f"+49{_digits(14)}" if "phone" in most.needs else "",
            iban=_iban() if "bank" in most.needs else "", account_holder=self._word("holder") if "bank" in most.needs else "",
            voluntary={"nickname": self._word("nickname"), "contact_mail": f"{self.core}@example.invalid"},
        )  # fmt: skip

    @property
    def given(self) -> list[str]:
        """What overview and download must show: every value that was given, but the password."""
        plain = [str(getattr(self.form, field.name)) for field in fields(self.form) if field.name not in NO_CANARY | {"password"}]
        return [value for value in (*plain, *self.form.voluntary.values()) if value]

    @property
    def written(self) -> list[str]:
        """What stands in the messages."""
        return [self._word("subject"), self._word("text"), self._word("large")]

    @property
    def moved_to(self) -> str:
        """A street to correct the first one to."""
        return self._word("moved")

    @property
    def tokens(self) -> list[str]:
        """What a scan looks for: the core is part of every text."""
        return [token for token in (self.core, self.form.phone, self.form.iban) if token]

    def messages(self, to: str) -> list[bytes]:
        """A small message, and one that is too large for a row."""
        subject, text, large = self.written
        return [_message(to, subject, f"{text}\r\n"), _message(to, subject, f"{large}\r\n" * (LARGE_BYTES // len(large)))]

    def _word(self, place: str) -> str:
        return f"{self.core}{place}"


def _message(to: str, subject: str, text: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "pruefung@example.invalid", to, subject
    message.set_content(text)
    return message.as_bytes()


def _digits(count: int) -> str:
    return "".join(SystemRandom().choice("0123456789") for _ in range(count))


def _iban() -> str:
    """A German account number that passes the check digits (ISO 13616) and belongs, with bank code 00000000, to nobody."""
    account = f"00000000{_digits(10)}"
    check = 98 - int(f"{account}131400") % 97
    found = f"DE{check:02}{account}"
    assert is_iban(found)
    return found


