#!/usr/bin/env python3
"""Prüft eine Löschquittung von stadtmail - verifies an erasure receipt of stadtmail.

    python3 stadtmail_verify.py receipt.json log.json [more logs or proofs] [--lang de|en] [--key HEX]

One file, Python 3.9 or later, nothing else, no network. It shares no code with the portal: Ed25519 is RFC 8032, the tree is
RFC 6962. Exit code 0: every erasure of the receipt is proven. 1: not proven (yet). 2: forged or contradictory. 3: unreadable.
"""

# ruff: noqa: B905, PTH202, RUF007, UP017 - citizens' Pythons may be older than ours

import argparse
import base64
import hashlib
import hmac
import json
import os
import re
import sys
import uuid
from datetime import datetime, timedelta, timezone

PROVEN, NOT_YET, FORGED, UNREADABLE = 0, 1, 2, 3
RECEIPT, LOG, PROOF = "stadtmail receipt 1", "stadtmail log 1", "stadtmail proof 1"
LARGEST_FILE = 1 << 30


class Forged(Exception):
    """Something was changed, left out or added, or two papers contradict each other. Carries the key of a text."""


# -- Ed25519 (RFC 8032, 5.1): verification only, so nothing here has to hide anything ----------------------------------

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(a, b):
    """Sum of two points in extended coordinates (RFC 8032, 5.1.4)."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    w, x, y, z = f - e, h - g, h + g, f + e
    return w * x % P, y * z % P, x * y % P, w * z % P


def times(number, point):
    """`number` times the point."""
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = add(total, point)
        point = add(point, point)
        number >>= 1
    return total


def same(a, b):
    """Are these the same point?"""
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point_of(data):
    """The point that 32 bytes stand for, None where there is none (RFC 8032, 5.1.3)."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else (0, y, 1, 0)
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P:
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(key, message, signature):
    """Did the holder of this public key sign the message? (RFC 8032, 5.1.7)"""
    if len(key) != 32 or len(signature) != 64:
        return False
    a, r, s = point_of(key), point_of(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q or same(times(8, a), (0, 1, 1, 0)):
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % Q
    return same(times(s, BASE), add(r, times(h, a)))


# -- the tree (RFC 6962, 2.1; the walks along a path are those of RFC 9162, 2.1.3.2 and 2.1.4.2) ------------------------


def leaf_hash(data):
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def roots(hashes, sizes):
    """size -> root of the first `size` leaves, for all wanted sizes in one pass."""
    wanted, found, edge = set(sizes), {0: hashlib.sha256(b"").digest()}, []
    for number, digest in enumerate(hashes, 1):
        edge.append((1, digest))
        while len(edge) > 1 and edge[-1][0] == edge[-2][0]:
            (width, right), (_, left) = edge.pop(), edge.pop()
            edge.append((2 * width, node_hash(left, right)))
        if number in wanted:
            found[number] = fold(edge)
    return found


def fold(edge):
    digest = edge[-1][1]
    for _, left in reversed(edge[:-1]):
        digest = node_hash(left, digest)
    return digest


def root_by_path(digest, index, size, path):
    """Root that an audit path leads to; None where the path does not fit the place."""
    if not 0 <= index < size:
        return None
    last = size - 1
    for step in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            digest = node_hash(step, digest)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            digest = node_hash(digest, step)
        index, last = index >> 1, last >> 1
    return digest if last == 0 else None


def extends(old_size, old_root, new_size, new_root, path):
    """Is the old tree the beginning of the new one?"""
    if old_size == 0:
        return path == []
    if old_size == new_size:
        return path == [] and old_root == new_root
    if not 0 < old_size < new_size or not path:
        return False
    path = list(path) if old_size & (old_size - 1) else [old_root, *path]
    a, b = old_size - 1, new_size - 1
    while a & 1:
        a, b = a >> 1, b >> 1
    first = second = path[0]
    for step in path[1:]:
        if b == 0:
            return False
        if a & 1 or a == b:
            first, second = node_hash(step, first), node_hash(step, second)
            while not a & 1 and a:
                a, b = a >> 1, b >> 1
        else:
            second = node_hash(second, step)
        a, b = a >> 1, b >> 1
    return b == 0 and first == old_root and second == new_root


# -- the papers -----------------------------------------------------------------------------------------------------


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def unhex(text, length):
    if not isinstance(text, str) or len(text) != 2 * length or not re.fullmatch("[0-9a-f]+", text):
        raise ValueError("hex")
    return bytes.fromhex(text)


def minute(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=timezone.utc)


def once(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def whole(value):
    if type(value) is not int or value < 0:
        raise ValueError("number")
    return value


class Head:
    """A signed tree head, and whether one of the trusted keys signed it for this city."""

    def __init__(self, raw, city):
        self.size, self.root, self.test = whole(raw["size"]), unhex(raw["root"], 32), raw["test"] is True
        self.signed_at, self.signature = minute(raw["signed_at"]), unhex(raw["signature"], 64)
        named = {"city": city, "root": raw["root"], "signed_at": raw["signed_at"], "size": raw["size"], "test": raw["test"], "type": "head"}
        self.message = canonical(named)

    def check(self, keys):
        if not any(is_signed(key, self.message, self.signature) for key in keys):
            raise Forged("head_signature")


class Erasure:
    """One leaf that erased: when it fell due, when it was done."""

    def __init__(self, text, index, city):
        leaf = json.loads(text, object_pairs_hook=once)
        if canonical(leaf) != text.encode() or leaf["v"] != 1:
            raise Forged("leaf_form")
        if leaf["city"] != city:
            raise Forged("other_city")
        self.index, self.type, self.test = index, leaf["type"], leaf["test"] is True
        if self.type == "erasure":
            self.category, self.cause, self.count = leaf["category"], leaf["cause"], whole(leaf["count"])
            self.root, self.done = unhex(leaf["root"], 32), minute(leaf["done"])
            self.due = minute(leaf["due"]) if "due" in leaf else None
            self.known = minute(leaf["known"]) if "known" in leaf else None
            self.synthetic = leaf.get("synthetic", False) is True
            self.backups = leaf["readable_in_backups_until"]


class Receipt:
    """What the resident holds. Signed by the city, so that nobody can change a date in it, the holder included."""

    def __init__(self, raw, pinned):
        self.city, self.domain, self.test = str(uuid.UUID(raw["city"])), str(raw["domain"]), raw["test"] is True
        self.keys = [unhex(key, 32) for key in raw["public_keys"]]
        if pinned and pinned not in self.keys:
            raise Forged("pinned_key")
        signature = unhex(raw["signature"], 64)
        body = canonical({name: value for name, value in raw.items() if name != "signature"})
        if not self.keys or not is_signed(self.keys[-1], body, signature):
            raise Forged("receipt_signature")
        self.synthetic = raw["synthetic"] is True
        self.issued = minute(raw["issued"]) if raw["issued"] else None
        self.head = Head(raw["head"], self.city) if raw["head"] else None
        if self.head:
            self.head.check(self.keys)
        self.units = [Unit(one) for one in raw["units"]]


class Unit:
    """One kind of data on one contract: its commitment HMAC(k, id), and when it was to be gone."""

    def __init__(self, raw):
        self.category, self.id = str(raw["category"]), uuid.UUID(raw["id"])
        k = unhex(raw["k"], 32) if raw["k"] is not None else None
        self.commitment = hmac.new(k, self.id.bytes, "sha256").digest() if k else None
        self.due = minute(raw["due"]) if raw["due"] else None
        self.grace = timedelta(minutes=whole(raw["lateness_minutes"] or 0))


class Log:
    """A whole log: every leaf is hashed again, every head recomputed, every erasure's commitments counted."""

    def __init__(self, raw, keys):
        self.city = str(uuid.UUID(raw["city"]))
        texts, heads = list(raw["leaves"]), [Head(one, self.city) for one in raw["heads"]]
        if bool(texts) != bool(heads) or (heads and max(head.size for head in heads) != len(texts)):
            raise Forged("truncated")
        leaves = [Erasure(text, index, self.city) for index, text in enumerate(texts)]
        self.hashes = [leaf_hash(text.encode()) for text in texts]
        found = roots(self.hashes, [head.size for head in heads])
        for head in heads:
            if found[head.size] != head.root:
                raise Forged("head_root")
            head.check(keys)
        self.head = max(heads, key=lambda head: head.size) if heads else None
        if len({paper.test for paper in [*leaves, *heads]}) > 1:
            raise Forged("test_mark")
        self.erasures = self._members(leaves, dict(raw["commitments"]))
        erasing = [leaf for leaf in leaves if leaf.type == "erasure"]
        synthetic = sum(leaf.synthetic for leaf in erasing)
        self.counts = {"real": len(erasing) - synthetic, "synthetic": synthetic}

    def _members(self, leaves, commitments):
        erasures = {}
        for leaf in leaves:
            marks = base64.b64decode(commitments.pop(str(leaf.index), ""), validate=True)
            if leaf.type != "erasure":
                if marks:
                    raise Forged("commitments")
                continue
            members = [marks[at : at + 32] for at in range(0, len(marks), 32)]
            inner = roots([leaf_hash(mark) for mark in members], [len(members)])
            if len(marks) % 32 or inner[len(members)] != leaf.root or len(members) > leaf.count:
                raise Forged("commitments")
            erasures.update((mark, leaf) for mark in members)
        if commitments:
            raise Forged("commitments")
        return erasures

    def extends(self, head):
        """Is the tree under that older head the beginning of this log?"""
        return head.size <= len(self.hashes) and roots(self.hashes[: head.size], [head.size])[head.size] == head.root


class Proof:
    """The short way: one head, the erasures of one receipt, and the path that leads from each to the head."""

    def __init__(self, raw, keys):
        self.city = str(uuid.UUID(raw["city"]))
        self.head = Head(raw["head"], self.city)
        self.head.check(keys)
        steps = raw["consistency"]
        self.since, self.steps = whole(steps["from"]), [unhex(step, 32) for step in steps["path"]]
        if whole(steps["to"]) != self.head.size:
            raise Forged("head_root")
        self.erasures = dict(self._erasure(one) for one in raw["erasures"])

    def _erasure(self, raw):
        mark, leaf = unhex(raw["commitment"], 32), Erasure(raw["leaf"], whole(raw["index"]), self.city)
        inner = [unhex(step, 32) for step in raw["inner"]]
        path = [unhex(step, 32) for step in raw["path"]]
        if leaf.type != "erasure" or root_by_path(leaf_hash(mark), whole(raw["position"]), whole(raw["members"]), inner) != leaf.root:
            raise Forged("commitments")
        if root_by_path(leaf_hash(raw["leaf"].encode()), leaf.index, self.head.size, path) != self.head.root:
            raise Forged("head_root")
        if leaf.test != self.head.test or whole(raw["members"]) > leaf.count:
            raise Forged("test_mark" if leaf.test != self.head.test else "commitments")
        return mark, leaf

    def extends(self, head):
        return self.since == head.size and extends(head.size, head.root, self.head.size, self.head.root, self.steps)


# -- judgement ------------------------------------------------------------------------------------------------------


def check_against(receipt, log):
    """Raises Forged where the log cannot be the one that the receipt was written from."""
    if log.city != receipt.city:
        raise Forged("other_city")
    if log.head:
        log.head.check(receipt.keys)
    if log.head and log.head.test != receipt.test:
        raise Forged("test_mark")
    if receipt.head is not None:
        if log.head is None or log.head.size < receipt.head.size:
            raise Forged("older_than_receipt")
        if not log.extends(receipt.head):
            raise Forged("fork")


def check_together(logs):
    """Two logs of one city: the older must be the beginning of the newer."""
    ordered = sorted((log for log in logs if log.head), key=lambda log: log.head.size)
    for older, newer in zip(ordered, ordered[1:]):
        if older.city != newer.city:
            raise Forged("other_city")
        if older.head.size == newer.head.size:
            if older.head.root != newer.head.root:
                raise Forged("fork")
        elif (isinstance(newer, Log) or newer.since == older.head.size) and not newer.extends(older.head):
            raise Forged("fork")


def deadline(unit, leaf, issued):
    """Until when it had to be gone. The leaf may say that its date became known only later (an end of contract that was put right);
    a date that the receipt told binds all the same, from the day of the receipt on."""
    known = max(leaf.due, leaf.known or leaf.due)
    if unit.due is None or unit.due < leaf.due:
        return known + unit.grace
    return min(known, max(unit.due, issued or unit.due)) + unit.grace


def judge(unit, erasures, today, issued=None):
    """(key of the verdict, the leaf or None) for one unit of the receipt."""
    leaf = erasures.get(unit.commitment) if unit.commitment else None
    if unit.commitment is None:
        return "keyless", None
    if leaf is not None:
        return verdict_on(unit, leaf, issued), leaf
    if unit.due is None:
        return "no_date", None
    return ("waiting" if today <= unit.due + unit.grace else "overdue"), None


def verdict_on(unit, leaf, issued):
    """What an erasure was: at its date, or why not."""
    if leaf.category != unit.category:
        raise Forged("category")
    if leaf.cause not in ("due", "released") or leaf.due is None:
        return {"due": "proven", "released": "held"}.get(leaf.cause, "wanted")
    if leaf.done < leaf.due:
        return "early"
    if leaf.cause == "released":  # a hold keeps it beyond its date, and the usual lateness counts from the hold's end
        return "late" if leaf.done > max(leaf.due, leaf.known or leaf.due) + unit.grace else "held"
    if leaf.done > deadline(unit, leaf, issued):
        return "late"
    if unit.due is not None and leaf.done > max(unit.due, issued or unit.due) + unit.grace:
        return "moved"
    return "corrected" if leaf.done > leaf.due + unit.grace else "proven"


GOOD = {"proven", "corrected", "held", "wanted", "keyless"}


def examine(receipts, logs, today):
    """(exit code, lines of the report as (key of the text, values)) for papers that are whole in themselves."""
    check_together(logs)
    today = max([today, *[log.head.signed_at for log in logs if log.head]])
    code, lines = PROVEN, []
    if any(paper.test for paper in receipts) or any(log.head and log.head.test for log in logs):
        lines.append(("test", {}))
    for receipt in receipts:
        erasures = {}
        for log in logs:
            check_against(receipt, log)
            erasures.update(log.erasures)
        lines.append(("receipt", {"domain": receipt.domain, "issued": receipt.issued or "-", "key": receipt.keys[-1].hex()}))
        if receipt.synthetic:
            lines.append(("synthetic", {}))
        for unit in receipt.units:
            verdict, leaf = judge(unit, erasures, today, receipt.issued)
            if leaf is not None and leaf.synthetic != receipt.synthetic:
                raise Forged("not_yours")
            lines.append((verdict, values(unit, leaf)))
            code = code if verdict in GOOD else NOT_YET
        if not any(unit.commitment for unit in receipt.units):
            code = NOT_YET
    for log in logs:
        head = log.head
        named = {"size": head.size, "root": head.root.hex(), "signed": head.signed_at} if head else {}
        lines.append(("log" if head else "log_empty", named))
        if isinstance(log, Log) and head:
            lines.append(("erasures", log.counts))
    return code, lines


def values(unit, leaf):
    shown = {"category": unit.category, "due": unit.due or "-", "index": "-", "done": "-", "leaf_due": "-", "known": "-", "backups": "-"}
    if leaf is not None:
        shown.update(index=leaf.index, done=leaf.done, leaf_due=leaf.due or "-", known=leaf.known or "-", backups=leaf.backups)
    return shown


TEXTS = {
    "test": ("ACHTUNG: TEST. Diese Nachweise stammen aus einem Übungsbetrieb und beweisen nichts über echte Daten.",
             "ATTENTION: TEST. This evidence comes from a practice system and proves nothing about real data."),
    "receipt": ("Quittung von {domain}, ausgestellt {issued}, Schlüssel der Stadt {key}",
                "Receipt of {domain}, issued {issued}, key of the city {key}"),
    "synthetic": ("  TESTPERSON: hinter dieser Quittung steht niemand; die Stadt prüft mit ihr ihren eigenen Weg.",
                  "  TEST RESIDENT: nobody stands behind this receipt; the city tests its own path with it."),
    "proven": ("  BEWIESEN   {category}: fällig {leaf_due}, gelöscht {done} (Eintrag {index}; in Sicherungen lesbar bis {backups})",
               "  PROVEN     {category}: due {leaf_due}, erased {done} (leaf {index}; readable in backups until {backups})"),
    "held": ("  BEWIESEN   {category}: nach dem Ende einer Sperre gelöscht {done} (Eintrag {index}; in Sicherungen lesbar bis {backups})",
             "  PROVEN     {category}: erased when a hold ended, {done} (leaf {index}; readable in backups until {backups})"),
    "wanted": ("  BEWIESEN   {category}: auf Wunsch gelöscht {done} (Eintrag {index}; in Sicherungen lesbar bis {backups})",
               "  PROVEN     {category}: erased on request, {done} (leaf {index}; readable in backups until {backups})"),
    "corrected": ("  BEWIESEN   {category}: fällig {leaf_due}, der Stadt bekannt erst seit {known}, gelöscht {done} (Eintrag {index})",
                  "  PROVEN     {category}: due {leaf_due}, known to the city only since {known}, erased {done} (leaf {index})"),
    "moved": ("  VERSCHOBEN {category}: laut Quittung fällig {due}, laut Eintrag {leaf_due}, gelöscht {done}. Fragen Sie die Stadt, warum.",
              "  MOVED      {category}: due {due} by the receipt, {leaf_due} by the leaf, erased {done}. Ask the city why."),
    "late": ("  ZU SPÄT    {category}: laut Quittung fällig {due}, laut Eintrag {leaf_due}, gelöscht erst {done} (Eintrag {index})",
             "  LATE       {category}: due {due} by the receipt, {leaf_due} by the leaf, erased only {done} (leaf {index})"),
    "early": ("  ZU FRÜH    {category}: fällig {leaf_due}, gelöscht schon {done} (Eintrag {index})",
              "  EARLY      {category}: due {leaf_due}, erased already {done} (leaf {index})"),
    "waiting": ("  NOCH NICHT {category}: fällig {due}, noch nicht im Verzeichnis",
                "  NOT YET    {category}: due {due}, not in the log yet"),
    "overdue": ("  FEHLT      {category}: war fällig {due} und steht nicht darin. Laden Sie es neu; fehlt es dann, fragen Sie die Stadt.",
                "  MISSING    {category}: was due {due} and is not in it. Download it again; if it is still missing, ask the city."),
    "no_date": ("  NOCH NICHT {category}: zum Zeitpunkt der Quittung stand noch kein Löschtermin fest",
                "  NOT YET    {category}: no date of erasure was fixed when the receipt was written"),
    "keyless": ("  HINWEIS    {category}: nur ein verschlüsselter Fingerabdruck, fällig {due}; einzeln nicht nachweisbar",
                "  NOTE       {category}: a keyed fingerprint only, due {due}; cannot be proven one by one"),
    "log": ("Verzeichnis: {size} Einträge, unterschrieben {signed}, Wurzel {root}",
            "Log: {size} leaves, signed {signed}, root {root}"),
    "log_empty": ("Verzeichnis: noch leer", "Log: still empty"),
    "erasures": ("  darin Löschungen: {real} wirkliche, {synthetic} der ständigen Testperson, hinter der niemand steht",
                 "  erasures in it: {real} real, {synthetic} of the standing test resident, behind whom there is nobody"),
    "code0": ("ERGEBNIS: bewiesen.", "RESULT: proven."),
    "code0log": ("ERGEBNIS: in sich stimmig (ohne Quittung, nur das Verzeichnis).", "RESULT: consistent (the log alone, no receipt)."),
    "code1": ("ERGEBNIS: nicht (oder noch nicht) bewiesen.", "RESULT: not proven (or not yet)."),
    "code2": ("ERGEBNIS: GEFÄLSCHT ODER WIDERSPRÜCHLICH. ", "RESULT: FORGED OR CONTRADICTORY. "),
    "code3": ("Nicht lesbar: ", "Cannot be read: "),
    "receipt_signature": ("Die Quittung wurde verändert: die Unterschrift der Stadt passt nicht.",
                          "The receipt has been changed: the city's signature does not fit."),
    "pinned_key": ("Die Quittung trägt nicht den Schlüssel, den Sie angegeben haben.",
                   "The receipt does not carry the key that you named."),
    "head_signature": ("Ein Stand des Verzeichnisses ist nicht mit dem Schlüssel der Stadt unterschrieben.",
                       "A head of the log is not signed with the city's key."),
    "head_root": ("Ein Stand passt nicht zu den Einträgen: ein Eintrag fehlt, wurde verändert oder umgestellt.",
                  "A head does not fit the leaves: a leaf is missing, changed or moved."),
    "truncated": ("Das Verzeichnis ist unvollständig: Einträge und unterschriebener Stand sind verschieden lang.",
                  "The log is incomplete: leaves and signed head differ in length."),
    "older_than_receipt": ("Das Verzeichnis ist kürzer als zum Zeitpunkt der Quittung: es wurde gekürzt oder ist alt.",
                           "The log is shorter than when the receipt was written: it was cut, or is old."),
    "fork": ("Das Verzeichnis ist keine Fortsetzung des früheren Standes: die Vergangenheit wurde geändert.",
             "The log does not extend the earlier head: the past has been changed."),
    "commitments": ("Die Löschvermerke eines Eintrags passen nicht zu ihm.", "The commitments of a leaf do not fit it."),
    "leaf_form": ("Ein Eintrag hat nicht die vorgeschriebene Form.", "A leaf does not have the prescribed form."),
    "category": ("Der Eintrag nennt eine andere Datenart als die Quittung.", "The leaf names another category than the receipt."),
    "other_city": ("Das Verzeichnis gehört einer anderen Stadt.", "The log belongs to another city."),
    "test_mark": ("Die Marke TEST ist nicht überall dieselbe.", "The mark TEST is not the same everywhere."),
    "not_yours": ("Eintrag und Quittung gehören nicht zusammen: einer von beiden ist der der ständigen Testperson.",
                  "Leaf and receipt do not belong together: one of the two is the standing test resident's."),
    "malformed": ("Eine Datei ist nicht so aufgebaut, wie sie es sein müsste.", "A file is not built as it has to be."),
}


def say(key, language, given=None):
    """One line of the report; nothing of a file reaches the screen that a screen would obey."""
    text = TEXTS[key][0 if language == "de" else 1]
    shown = {name: f"{v:%Y-%m-%d %H:%M} UTC" if isinstance(v, datetime) else str(v) for name, v in (given or {}).items()}
    return text.format(**{name: "".join(c if c.isprintable() else "?" for c in value)[:100] for name, value in shown.items()})


def load(path):
    if os.path.getsize(path) > LARGEST_FILE:
        raise ValueError("too large")
    with open(path, encoding="utf-8") as file:
        return json.load(file, object_pairs_hook=once)


def papers(files, pinned):
    """Receipts first: their keys are the ones that logs are held to. Without a receipt a log's own keys are used."""
    receipts = [Receipt(raw, pinned) for raw in files if raw["format"] == RECEIPT]
    trusted = [key for paper in receipts for key in paper.keys] or ([pinned] if pinned else None)
    logs = []
    for raw in files:
        if raw["format"] in (LOG, PROOF):
            keys = trusted or [unhex(key, 32) for key in raw["public_keys"]]
            logs.append((Log if raw["format"] == LOG else Proof)(raw, keys))
        elif raw["format"] != RECEIPT:
            raise Forged("malformed")
    return receipts, logs


def run(paths, language, key, today):
    """(exit code, report) for the files at these paths."""
    try:
        files = [load(path) for path in paths]
    except (OSError, ValueError, RecursionError):
        return UNREADABLE, [say("code3", language) + ", ".join(paths)]
    try:
        receipts, logs = papers(files, unhex(key, 32) if key else None)
        code, lines = examine(receipts, logs, today)
    except Forged as forged:
        return FORGED, [say("code2", language) + say(str(forged), language)]
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return FORGED, [say("code2", language) + say("malformed", language)]
    result = f"code{code}" if receipts or code else "code0log"
    return code, [say(name, language, given) for name, given in lines] + [say(result, language)]


class Parser(argparse.ArgumentParser):
    """Exit code 2 says "forged": a typing error must not."""

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(UNREADABLE, message + "\n")


def main(arguments=None):
    usual = "en" if os.environ.get("LANG", "").startswith("en") else "de"
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE", help="receipt.json, log.json, proof.json")
    parser.add_argument("--lang", choices=("de", "en"), default=usual)
    parser.add_argument("--key", help="the city's public key as you know it from elsewhere (64 hex digits)")
    given = parser.parse_args(arguments)
    code, report = run(given.files, given.lang, given.key, datetime.now(timezone.utc))
    print("\n".join(report))
    return code


if __name__ == "__main__":
    sys.exit(main())
