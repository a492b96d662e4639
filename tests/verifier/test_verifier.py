"""The verifier alone: RFC 8032 and RFC 6962 vectors, and the portal's own tree and signatures as its counterpart."""

import ast
import hashlib
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

FOLDER = Path(__file__).resolve().parents[2] / "verifier"
sys.path.insert(0, str(FOLDER))
import stadtmail_verify as verify  # noqa: E402

# RFC 8032, 7.1: (public key, message, signature)
ED25519 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]
# the tree of certificate-transparency's own tests: leaves, and the roots of their first n
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize(("key", "message", "signature"), ED25519)
def test_rfc_8032_vectors(key, message, signature) -> None:
    key, message, signature = (bytes.fromhex(text) for text in (key, message, signature))
    assert verify.is_signed(key, message, signature)
    assert not verify.is_signed(key, message + b"x", signature)
    for at in (0, 31, 32, 63):
        changed = bytearray(signature)
        changed[at] ^= 1
        assert not verify.is_signed(key, message, bytes(changed))


def test_a_signature_that_is_only_equivalent_is_refused() -> None:
    """RFC 8032, 8.4: S must be smaller than the group's order, or a signature could be changed without the key."""
    key, message, signature = (bytes.fromhex(text) for text in ED25519[1])
    s = int.from_bytes(signature[32:], "little") + verify.Q
    assert not verify.is_signed(key, message, signature[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize("weak", ["00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f"])
def test_a_key_that_signs_everything_is_refused(weak) -> None:
    key = bytes.fromhex(weak)
    assert not verify.is_signed(key, b"any", bytes([1]) + bytes(63))


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_what_cryptography_signs_is_accepted(seed, message) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert verify.is_signed(public, message, signature)
    assert not verify.is_signed(public, message + b"\0", signature)


def test_rfc_6962_vectors() -> None:
    hashes = [verify.leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]
    found = verify.roots(hashes, range(9))
    assert [found[size].hex() for size in range(9)] == ROOTS


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_portals_tree_and_the_verifiers_agree(data) -> None:
    """Roots, audit paths and consistency proofs of the portal are accepted at every size, and no other place is."""
    from stadtmail.privacy.evidence import tree

    size = data.draw(st.integers(1, 40))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    hashes = [tree.leaf_hash(bytes([n])) for n in range(size)]
    levels = {(0, n): digest for n, digest in enumerate(hashes)}
    width, level = size, 0
    while width > 1:
        for n in range(width // 2):
            levels[level + 1, n] = tree.node_hash(levels[level, 2 * n], levels[level, 2 * n + 1])
        width, level = width // 2, level + 1

    def stored(level: int, n: int) -> bytes:
        return levels[level, n]

    root, old_root = tree._range(stored, 0, size), tree._range(stored, 0, old)
    assert root == tree.root_of(hashes) == verify.roots(hashes, [size])[size]
    path = tree._path(stored, index, 0, size)
    assert path == tree.path_of(hashes, index)
    assert verify.root_by_path(hashes[index], index, size, path) == root
    other = (index + 1) % size
    assert other == index or verify.root_by_path(hashes[index], other, size, path) != root
    steps = [] if old in (0, size) else tree._subproof(stored, old, 0, size, whole=True)
    assert verify.extends(old, old_root, size, root, steps)
    assert not verify.extends(old, hashlib.sha256(b"x").digest(), size, root, steps) or old == 0
    assert not verify.extends(old, old_root, size, root, [*steps, root])


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_no_file_makes_it_stumble(anything) -> None:
    """Whatever a file says, the answer is a verdict and never a traceback."""
    import json
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        for paper in (anything, {"format": verify.LOG, "x": anything}, {"format": verify.RECEIPT, "city": anything, "head": anything}):
            file.seek(0)
            file.truncate()
            json.dump(paper, file)
            file.flush()
            code, report = verify.run([file.name], "en", None, datetime(2027, 1, 1, tzinfo=UTC))
            assert code in (2, 3)
            assert report


def test_it_needs_nothing_but_the_standard_library() -> None:
    source = (FOLDER / "stadtmail_verify.py").read_text()
    imported = {line.split()[1].partition(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= sys.stdlib_module_names
    assert not imported & {"socket", "ssl", "urllib", "http", "subprocess"}
    ast.parse(source, feature_version=(3, 9))
    assert len(source.splitlines()) < 600


def test_each_text_is_there_in_both_languages() -> None:
    for key, texts in verify.TEXTS.items():
        assert len(texts) == 2, key
        assert all(texts), key
