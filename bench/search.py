"""Search in a large mailbox: taking mail into the index, looking something up as people and as mail programs do, taking it out.

Texts are made of words as frequent as words are (Zipf), 1 to 4 KB each; queries are rare, middling and common words, names,
pieces of words and two words. Times are of the room, from the call to the opened page.
"""

import random
import time
from bisect import bisect
from collections.abc import Callable
from datetime import timedelta
from itertools import accumulate
from typing import Any

from bench import world
from bench.table import Row

FULL, QUICK = 100_000, 4_000
WORDS, SENDERS, PART, QUERIES = 60_000, 2_000, 200, 60
_VOWELS, _ENDS = ("a", "e", "i", "o", "u", "au", "ei", "ie"), ("", "n", "r", "s", "t", "ch", "l")
_HEADS = [first + vowel + end for first in "bdfghklmnprstwvz" for vowel in _VOWELS for end in _ENDS]


def run(*, quick: bool) -> list[Row]:
    """Fill, follow, ask, delete."""
    with world.folder():
        return _measured(FULL if not quick else QUICK)


def _measured(count: int) -> list[Row]:
    from stadtmail.mail import queries
    from stadtmail.mail.models import Folder, Mailbox

    world.residents(world.city(), 1)
    box = Mailbox.objects.exclude(contract=None).get()
    o = queries.opened(box, holder=box.contract_id)
    text = Text(random.Random(7))
    _fill(o, text, count)
    rows: list[Row] = [_followed(o, count)]
    inbox = Folder.objects.get(mailbox=box, role="inbox").id
    rows += [_timed(name, ask) for name, ask in _questions(o, inbox, text).items()]
    some, many = [[uid] for uid in range(100, 110)], [list(range(200, 1_200))]
    return [*rows, _news(o, text), _deleted(o, inbox, uids=some), _deleted(o, inbox, uids=many)]


class Text:
    """Words, each as frequent as its rank says."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.words = ["".join(chance.choice(_HEADS) for _ in range(chance.choice([1, 2, 2, 3, 3, 4]))) for _ in range(WORDS)]
        self._until = list(accumulate(1 / (rank + 5) for rank in range(WORDS)))
        self.names = [f"{chance.choice(self.words).title()} {chance.choice(self.words).title()}" for _ in range(SENDERS)]

    def word(self) -> str:
        """One word."""
        return self.words[bisect(self._until, self.chance.random() * self._until[-1])]

    def mail(self, number: int) -> bytes:
        """One message; its number is a word of its own."""
        name = self.chance.choice(self.names)
        address = f"{name.replace(' ', '.').lower()}@example.org"
        body = " ".join(self.word() for _ in range(self.chance.randint(150, 500)))
        head = f"From: {name} <{address}>\r\nTo: messung0@ahaus.net\r\nMessage-ID: <{number}@a.example>\r\n"
        subject = " ".join(self.word() for _ in range(4))
        return f"{head}Subject: {subject} vorgang{number}\r\n\r\n{body}\r\n".encode()


def _fill(o: Any, text: Text, count: int) -> None:
    from stadtmail.kit import store
    from stadtmail.mail import envelope, sealing
    from stadtmail.mail.actions import filing, storing

    target, _ = filing.target_of(o)
    for start in range(0, count, PART):
        batch = []
        for number in range(start, min(start + PART, count)):
            raw, at = text.mail(number), world.NOW - timedelta(minutes=5 * (count - number))
            batch.append(sealing.sealed(raw, target, envelope.packed(envelope.summary(raw, now=at)), now=at))
        with store.writing():
            storing.place(batch)
    if count > PART:
        world.say(f"{count:,} messages stored")


def _followed(o: Any, count: int) -> Row:
    from stadtmail.mail.actions import indexing
    from stadtmail.mail.index import files

    began, busy = time.perf_counter(), time.process_time()
    while not indexing.follow(o, seconds=10):
        pass
    (place,) = indexing.places(o)
    size = files.path_of(place.pair).stat().st_size
    took, cpu = time.perf_counter() - began, time.process_time() - busy
    world.say(f"taken in after {took:.1f} s; {size / count / 1024:.1f} KiB a message")
    return _row("taken in, a message", [(took / count, cpu / count)])


def _questions(o: Any, inbox: Any, text: Text) -> dict[str, Callable[[], object]]:
    from stadtmail.mail import finding
    from stadtmail.mail.finding import Wish
    from stadtmail.mail.index import answers
    from stadtmail.wire.imapsearch import Key

    chance = text.chance

    def rare() -> str:
        return text.words[chance.randint(5_000, WORDS - 1)]

    def program(name: str, word: str) -> object:
        key = Key("AND", keys=(Key(name, word),))
        return answers.answers(o, inbox, key, size=1_000_000)

    return {
        "a person: one rare word": lambda: finding.find(o, Wish(text=rare())),
        "a person: one word as in a text": lambda: finding.find(o, Wish(text=text.word())),
        "a person: two words": lambda: finding.find(o, Wish(text=f"{text.word()} {rare()}")),
        "a person: a sender's name": lambda: finding.find(o, Wish(sender=chance.choice(text.names))),
        "a program: BODY, a rare word": lambda: program("BODY", rare()),
        "a program: BODY, a word as in a text": lambda: program("BODY", text.word()),
        "a program: BODY, a piece of a word": lambda: program("BODY", rare()[1:7]),
        "a program: FROM, a sender's name": lambda: program("FROM", chance.choice(text.names)),
        "a program: SUBJECT, a number": lambda: program("SUBJECT", f"vorgang{chance.randint(0, 3_000)}"),
    }


def _timed(name: str, ask: Callable[[], object]) -> Row:
    return _row(name, [_cost(ask) for _ in range(QUERIES)])


def _row(name: str, costs: list[tuple[float, float]]) -> Row:
    wall, busy = (sorted(times) for times in zip(*costs, strict=True))
    middle, late = len(costs) // 2, len(costs) * 95 // 100
    return {"what": name, "median ms": 1000 * wall[middle], "p95 ms": 1000 * wall[late], "ms of processor": 1000 * busy[middle],
            "p95 of it": 1000 * busy[late]}  # fmt: skip


def _cost(work: Callable[[], object]) -> tuple[float, float]:
    began, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - busy


def _news(o: Any, text: Text) -> Row:
    """A message arrives: how long until it is in, once the work role's round comes to it (each second)."""
    from stadtmail.mail import jobs

    def arrive() -> tuple[float, float]:
        _fill(o, text, 1)
        return _cost(lambda: jobs.follow_mail(world.NOW))

    return _row("one new message, a round of the work role", [arrive() for _ in range(20)])


def _deleted(o: Any, inbox: Any, *, uids: list[list[int]]) -> Row:
    from stadtmail.mail.actions import changing
    from stadtmail.mail.folders import DELETED

    def expunge(some: list[int]) -> tuple[float, float]:
        changing.store_flags(o, inbox, some, how="+", flags=DELETED, now=world.NOW)
        return _cost(lambda: changing.expunge(o, inbox, now=world.NOW))

    return _row(f"{len(uids[0]):,} deleted, taken out at once", [expunge(some) for some in uids])
