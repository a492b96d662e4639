"""The volatile store of the tests: empty before each, its folder gone at the end."""

import shutil

import pytest

from stadtmail.usage import folder, volatile


@pytest.fixture(autouse=True)
def _empty():
    volatile.clear()
    yield
    volatile.clear()


@pytest.fixture(scope="session", autouse=True)
def _folder_gone():
    yield
    volatile.close()
    shutil.rmtree(folder.current(), ignore_errors=True)


@pytest.fixture
def ram():
    """All bytes of the folder in RAM, as whoever copies it would see them."""

    def read() -> bytes:
        return b"\0".join(path.read_bytes() for path in sorted(folder.current().iterdir()))

    return read
