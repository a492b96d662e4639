"""Settings: one table, nothing else, and a sentence for every mistake."""

import pytest

from stadtmail.kit import config


def test_every_setting_has_a_safe_default() -> None:
    chosen = config.load({})
    assert chosen.host == "127.0.0.1"
    assert chosen.ports == {
        "web": 8000, "smtp": 2525, "submission": 2587, "submissions": 2465, "lmtp": 2424, "imap": 2143, "imaps": 2993, "sieve": 24190,
    }  # fmt: skip
    assert chosen.data.is_absolute()


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({"STADTMAIL_PROT_WEB": "80"}, "STADTMAIL_PROT_WEB"),
        ({"STADTMAIL_": "x"}, "STADTMAIL_"),
        ({"STADTMAIL_PORT_WEB": "http"}, "STADTMAIL_PORT_WEB"),
        ({"STADTMAIL_PORT_WEB": "0"}, "STADTMAIL_PORT_WEB"),
        ({"STADTMAIL_PORT_SMTP": "65536"}, "STADTMAIL_PORT_SMTP"),
        ({"STADTMAIL_PORT_SMTP": "２５"}, "STADTMAIL_PORT_SMTP"),
        ({"STADTMAIL_TLS_CERT": "/x"}, "STADTMAIL_TLS_KEY"),
        ({"STADTMAIL_DATABASE_URL": "mysql://x"}, "STADTMAIL_DATABASE_URL"),
        ({"STADTMAIL_KEYS_URL": "postgresql://u:p@h/same", "STADTMAIL_DATABASE_URL": "postgresql://u:p@h/same"}, "STADTMAIL_KEYS_URL"),
    ],
)
def test_a_mistake_is_refused_with_the_name_of_the_setting(environment: dict, word: str) -> None:
    with pytest.raises(config.BadSetting, match=word):
        config.load(environment)


def test_a_setting_without_a_value_is_its_default() -> None:
    assert config.load({"STADTMAIL_PORT_WEB": ""}).ports["web"] == 8000
