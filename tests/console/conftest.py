"""A demo of each module's own, on which the operator's command is run."""

from collections.abc import Iterator

import pytest

from tests.demo import Demo, copied


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[Demo]:
    with copied(tmp_path_factory.mktemp("demo")) as made:
        yield made
