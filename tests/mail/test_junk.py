"""The filter for spam: taught by moving, asked at delivery, the mailbox's own, sealed, forgotten with it. Words lie nowhere."""

import random
import time
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stadtmail.kit import config
from stadtmail.mail import queries, views
from stadtmail.mail.actions import changing, filing, learning
from stadtmail.mail.folders import LEARNED
from stadtmail.mail.models import DeliveryKey, JunkFilter, Message
from stadtmail.mail.spam import filters
from stadtmail.mail.spam.learned import MOST_WORDS, Learned, hashes
from stadtmail.people.actions import contracts
from stadtmail.people.models import Contract
from stadtmail.privacy import sweep, units
from stadtmail.rights import overview
from stadtmail.wire import words
from tests.mail.conftest import opened
from tests.people.traces import files_with

CANARY = "wortkanarie"
SPAM = [f"Gewinn Lotterie {CANARY} Millionen Euro Konto sofort klicken Bonus Nummer{n}" for n in range(12)]
GOOD = [f"Liebe Anna, der Chor probt am Dienstag im Gemeindehaus, bring Noten mit. Nummer{n}" for n in range(12)]


def mail(text: str, sender: str = "x@peer.example") -> bytes:
    head = f"From: {sender}\r\nSubject: {text[:30]}\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@x>\r\n"
    return f"{head}\r\n{text}\r\n".encode()


def _uids(folder) -> list[int]:
    return [uid for uid, *_ in views.snapshot(folder)[2]]


class Box:
    """Anna's mailbox as she sees it."""

    def __init__(self, tenant, account, deliver, now) -> None:
        self.o, self._deliver, self.now = opened(tenant, account), deliver, now
        self.folders = {one.role: one.id for one in views.states(self.o)}

    def get(self, *texts: str) -> None:
        for text in texts:
            assert self._deliver(mail(text), "anna@ahaus.net") == [None]

    def has(self, role: str, text: str) -> list[int]:
        found = views.mails(self.o, self.folders[role], _uids(self.folders[role]), with_bodies=True)
        return [one.uid for one in found if text.encode() in one.content]

    def move(self, text: str, source: str, to: str) -> None:
        changing.move(self.o, self.folders[source], self.has(source, text), to=self.folders[to], now=self.now)

    def read_all(self) -> None:
        inbox = self.folders["inbox"]
        changing.store_flags(self.o, inbox, _uids(inbox), how="+", flags=1, now=self.now)

    def state(self) -> Learned:
        return filters.state(DeliveryKey.objects.select_related("unit").get(mailbox=self.o.mailbox))

    def teach(self) -> None:
        self.get(*GOOD, *SPAM[:8])
        self.read_all()
        self.move(CANARY, "inbox", "junk")


@pytest.fixture
def box(ahaus, anna, deliver, now) -> Box:
    return Box(ahaus, anna, deliver, now)


def test_a_new_mailbox_is_neutral(box) -> None:
    box.get(SPAM[0])
    assert box.has("inbox", CANARY)
    assert not DeliveryKey.objects.exists()


@pytest.mark.postgres
def test_what_was_moved_to_junk_teaches_where_its_like_goes(box) -> None:
    box.teach()
    assert (box.state().spam, box.state().good) == (8, 8)
    box.get(SPAM[10], GOOD[11].replace("Dienstag", "Freitag"))
    assert box.has("junk", "Nummer10")
    assert box.has("inbox", "Freitag")


def test_moved_back_it_is_taken_back(box) -> None:
    box.teach()
    box.move("Nummer3", "junk", "inbox")
    assert (box.state().spam, box.state().good) == (7, 9)
    box.move("Nummer3", "inbox", "junk")  # and the other one of this number, which had taught nothing yet
    state = box.state()
    assert (state.spam, state.good) == (9, 8)
    box.move(CANARY, "junk", "trash")  # thrown away: that says nothing
    assert (box.state().spam, box.state().good) == (state.spam, state.good)


def test_nothing_counts_twice(box) -> None:
    box.teach()
    before = box.state().packed()
    junk, inbox = box.folders["junk"], box.folders["inbox"]
    uids = _uids(junk)
    changing.store_flags(box.o, junk, uids, how="", flags=0, now=box.now)  # a client replaces all flags
    learning.moved(box.o, uids, source=inbox, to=junk, now=box.now)
    assert box.state().packed() == before
    filing.copy(box.o, junk, uids, to=box.folders["trash"], now=box.now)
    assert box.state().packed() == before


def test_a_copy_into_junk_teaches_as_a_move_does(box) -> None:
    box.get(*GOOD[:5], SPAM[0])
    box.read_all()
    filing.copy(box.o, box.folders["inbox"], box.has("inbox", CANARY), to=box.folders["junk"], now=box.now)
    assert box.state().spam == 1


def test_moves_between_other_folders_teach_nothing_and_open_nothing(box, monkeypatch) -> None:
    box.get(*GOOD[:2])
    monkeypatch.setattr(views, "mails", lambda *_, **__: pytest.fail("opened"))
    changing.move(box.o, box.folders["inbox"], [2], to=box.folders["archive"], now=box.now)
    assert not JunkFilter.objects.exists()


def test_a_bug_in_the_filter_moves_and_delivers_all_the_same(box, monkeypatch) -> None:
    box.teach()
    monkeypatch.setattr(words, "words", lambda _: 1 / 0)
    box.get(SPAM[11])
    assert box.has("inbox", "Nummer11")
    box.move("Nummer11", "inbox", "junk")
    assert box.has("junk", "Nummer11")


def test_c47_no_word_of_a_mail_lies_anywhere_after_learning(box) -> None:
    box.teach()
    assert not files_with(CANARY)
    sealed = bytes(JunkFilter.objects.get().state)
    key = DeliveryKey.objects.select_related("unit").get()
    for hashed in hashes(filters.word_key(key), [CANARY, "Lotterie".lower()]):
        assert hashed.to_bytes(8, "little") in units.unseal(key.unit, filters.COLUMN, sealed)  # the planted word is in there,
        assert hashed.to_bytes(8, "little") not in sealed  # sealed,
        for path in config.load().data.rglob("*"):
            if path.is_file():
                assert hashed.to_bytes(8, "little") not in path.read_bytes()  # and not even its hash lies in clear


def test_two_mailboxes_hash_the_same_word_differently_and_learn_apart(ahaus, anna, ben, deliver, now) -> None:
    first, keys = Box(ahaus, anna, deliver, now), []
    first.teach()
    other = opened(ahaus, ben)
    assert deliver(mail(SPAM[9]), "ben@ahaus.net") == [None]
    assert len(queries.page(other, 1)) == 2
    inbox, junk = (next(one.id for one in views.states(other) if one.role == role) for role in ("inbox", "junk"))
    changing.move(other, inbox, [2], to=junk, now=now)
    keys = [hashes(filters.word_key(key), [CANARY]) for key in DeliveryKey.objects.select_related("unit")]
    assert len(keys) == 2
    assert keys[0] != keys[1]


def test_c47_the_filter_goes_with_the_mailbox(ahaus, box, anna, now) -> None:
    box.teach()
    contracts.cancel(Contract.objects.get(id=anna.contract), ends_at=now, now=now)
    sweep.run(now + timedelta(days=32))
    assert not JunkFilter.objects.exists()
    assert not DeliveryKey.objects.exists()


def test_its_holder_can_let_it_forget_and_sees_how_much_it_knows(ahaus, anna, box) -> None:
    box.teach()
    shown = [one for one in overview.overview(ahaus, anna.contract, lang="de", now=box.now).sections if one.category == "INH"]
    assert {"learned_spam": 8, "learned_good": 8} in [record for one in shown for record in one.records]
    learning.forget(box.o, now=box.now)
    assert not JunkFilter.objects.exists()
    assert not any(flags & LEARNED for flags in Message.objects.values_list("flags", flat=True))
    box.get(SPAM[11])
    assert box.has("inbox", "Nummer11")


def test_law5_nobody_elses_folder_teaches_a_mailbox(ahaus, anna, ben, box, now) -> None:
    box.teach()
    before = box.state().packed()
    learning.moved(opened(ahaus, ben), [1], source=box.folders["inbox"], to=box.folders["junk"], now=now)
    assert box.state().packed() == before


@pytest.mark.long
def test_it_never_grows_beyond_its_bound_and_forgets_the_old_first() -> None:
    state, rand = Learned(), random.Random(7)
    old = [rand.getrandbits(64) for _ in range(50)]
    state.learn([(old, True, 1)] * 3)
    for _ in range(150):
        state.learn([([rand.getrandbits(64) for _ in range(500)], bool(rand.getrandbits(1)), 1)])
        assert len(state) <= MOST_WORDS
    assert Learned(state.packed()).packed() == state.packed()
    assert len(state.packed()) < 400_000


def test_it_tells_apart_what_it_was_taught() -> None:
    rand, key, state = random.Random(1), b"k" * 32, Learned()
    common, bad, nice = ([f"{kind}{n}" for n in range(300)] for kind in "cbn")

    def some(own: list[str]) -> list[int]:
        return hashes(key, rand.sample(common, 40) + rand.sample(own, 15))

    state.learn([(some(bad), True, 1) for _ in range(30)] + [(some(nice), False, 1) for _ in range(30)])
    spam, good = [state.probability(some(bad)) for _ in range(100)], [state.probability(some(nice)) for _ in range(100)]
    assert sum(one >= 0.9 for one in spam) >= 80
    assert sum(one >= 0.9 for one in good) == 0
    assert state.probability(hashes(key, rand.sample(common, 50))) < 0.9
    assert state.probability([]) == 0.5


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.lists(st.integers(0, 50), max_size=10), st.booleans(), st.sampled_from([1, -1])), max_size=20))
def test_counts_never_go_below_nothing(steps) -> None:
    state = Learned()
    state.learn(steps)
    assert state.spam >= 0
    assert state.good >= 0
    assert 0.0 <= state.probability(list(range(50))) <= 1.0


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=3000))
def test_any_bytes_have_words(raw: bytes) -> None:
    assert len(words.words(raw)) <= words.MOST_WORDS


@pytest.mark.parametrize(
    "text",
    [b"<" * 200_000, b"<!--" * 50_000, b"http://" * 40_000, b"a" * 200_000, b"'" * 200_000, b"a-" * 100_000, b"<script" * 30_000,
     b"\x00" * 200_000, b"&amp" * 50_000, "ä".encode() * 100_000],
)  # fmt: skip
def test_hostile_texts_cost_little(text: bytes) -> None:
    begin = time.thread_time()
    words.words(b"Content-Type: text/html\r\n\r\n" + text)
    assert time.thread_time() - begin < 2
