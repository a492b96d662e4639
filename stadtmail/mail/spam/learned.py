"""What a mailbox's filter has learned: counts of keyed hashes of words, and what they say about another message. Pure.

Robinson's combination with Fisher's method: each word has a probability that leans towards "do not know" while it has been seen
seldom, and only the clearest words count. Size has a bound: when it is reached everything is halved, and what is forgotten goes.
"""

import math
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from hashlib import blake2b

MOST_WORDS = 24_000  # kept: about 300 KiB
FEWEST = 4  # messages of each kind before anything is said
CLEAR, MOST_CLEAR = 0.1, 120  # words this far from 0.5 count, the clearest ones of them
_STRENGTH, _UNKNOWN = 0.6, 0.5  # of the belief about a word that was never seen
_HEAD = struct.Struct("<BIII")
_MOST_COUNT = 0xFFFF
Hash = int


def hashes(key: bytes, words: Iterable[str]) -> list[Hash]:
    """The words as they are kept: 64 bits of BLAKE2b under the mailbox's key (RFC 7693 2.9), in order, each once."""
    return sorted({int.from_bytes(blake2b(word.encode("utf-8", "replace"), key=key, digest_size=8).digest(), "big") for word in words})


class Learned:
    """The state of one filter: numbers of messages, and for each hash in how many of either kind it was."""

    def __init__(self, packed: bytes = b"") -> None:
        self.spam, self.good = 0, 0
        self._words, self._spam, self._good = array("Q"), array("H"), array("H")
        if packed:
            version, self.spam, self.good, count = _HEAD.unpack_from(packed)
            assert version == 1
            at = _HEAD.size
            for column, width in ((self._words, 8), (self._spam, 2), (self._good, 2)):
                column.frombytes(packed[at : at + width * count])
                at += width * count

    def packed(self) -> bytes:
        """The state as bytes, to be sealed."""
        columns = self._words.tobytes() + self._spam.tobytes() + self._good.tobytes()
        return _HEAD.pack(1, self.spam, self.good, len(self._words)) + columns

    def __len__(self) -> int:
        return len(self._words)

    def learn(self, messages: Iterable[tuple[Sequence[Hash], bool, int]]) -> None:
        """Count messages: (hashes, is it spam?, 1), or -1 to take it back. What comes below nothing stays nothing."""
        counts = {word: [s, g] for word, s, g in zip(self._words, self._spam, self._good, strict=True)}
        for words, is_spam, step in messages:
            if is_spam:
                self.spam = max(0, self.spam + step)
            else:
                self.good = max(0, self.good + step)
            for word in words:
                count = counts.setdefault(word, [0, 0])
                count[not is_spam] = min(_MOST_COUNT, max(0, count[not is_spam] + step))
        while sum(1 for count in counts.values() if any(count)) > MOST_WORDS or max(self.spam, self.good) >= _MOST_COUNT:
            self._halve(counts)
        kept = sorted((word, *count) for word, count in counts.items() if any(count))
        self._words, self._spam, self._good = (array(kind, (row[at] for row in kept)) for at, kind in enumerate("QHH"))

    def probability(self, words: Sequence[Hash]) -> float:
        """How likely a message with these words is spam; 0.5 where too little was learned."""
        if min(self.spam, self.good) < FEWEST:
            return 0.5
        beliefs = sorted((self._belief(word) for word in words), key=lambda one: -abs(one - 0.5))[:MOST_CLEAR]
        clear = [one for one in beliefs if abs(one - 0.5) >= CLEAR]
        if not clear:
            return 0.5
        spam = _fisher(1.0 - one for one in clear)
        good = _fisher(clear)
        return (1.0 + spam - good) / 2.0

    def _belief(self, word: Hash) -> float:
        at = bisect_left(self._words, word)
        if at == len(self._words) or self._words[at] != word:
            return _UNKNOWN
        spam, good = self._spam[at] / self.spam, self._good[at] / self.good
        seen = self._spam[at] + self._good[at]
        likely = min(1.0, spam) / (min(1.0, spam) + min(1.0, good)) if spam + good else _UNKNOWN
        return (_STRENGTH * _UNKNOWN + seen * likely) / (_STRENGTH + seen)

    def _halve(self, counts: dict[Hash, list[int]]) -> None:
        self.spam, self.good = (self.spam + 1) // 2, (self.good + 1) // 2
        for count in counts.values():
            count[0] //= 2
            count[1] //= 2


def _fisher(beliefs: Iterable[float]) -> float:
    """1 - chi² of the product of probabilities: near 1 where they are too small to be chance."""
    logs = [math.log(max(1e-9, one)) for one in beliefs]
    return 1.0 - _chi_square(-2.0 * sum(logs), 2 * len(logs))


def _chi_square(value: float, degrees: int) -> float:
    """P(chi² with an even number of degrees of freedom >= value)."""
    half = value / 2.0
    if half > 700.0:
        return 0.0
    total = term = math.exp(-half)
    for number in range(1, degrees // 2):
        term *= half / number
        total += term
    return min(total, 1.0)
