"""A second factor and mail programs, over the sockets of submission and of IMAP: nobody gets past it with the login password."""

from stadtmail.people import second_factor, totp
from stadtmail.people.actions import second_factors
from stadtmail.usage.connections import end_credential
from tests.doors.imap.conftest import Door as Imap
from tests.doors.submission.conftest import PASSWORD
from tests.doors.submission.scram import proven
from tests.doors.submission.test_attacks import auth


def test_c22_beside_a_second_factor_the_login_password_opens_neither_door(ahaus, contract, door, make, allowed, now) -> None:
    """What began with it ends at once, nothing begins with it, app passwords stay."""
    app, owner, secret = make(), second_factor.of_contract(ahaus, contract), totp.new_secret()
    imap = Imap()
    try:
        reader, sender = imap.client(), door.client()
        assert sender.ask(auth("anna@ahaus.net", PASSWORD)).startswith("235")
        made = second_factors.turn_on_app(owner, secret=secret, code=totp.code(secret, now), now=now)
        assert end_credential(ahaus.id, made.closed) == 2
        assert sender.reply().startswith("421")
        assert b"BYE" in reader.line()
        for client in (sender, reader):
            client.close()
        late, other = door.client(), imap.client(login="")
        assert late.ask(auth("anna@ahaus.net", PASSWORD)).startswith("535")
        assert proven(late, "anna@ahaus.net", PASSWORD).startswith("535")
        assert other.ask(f'LOGIN anna@ahaus.net "{PASSWORD}"')[-1].startswith(b"NO")
        assert late.ask(auth("anna@ahaus.net", app.password)).startswith("235")
        assert other.ask(f'LOGIN anna@ahaus.net "{app.password}"')[-1].startswith(b"OK")
        for client in (late, other):
            client.close()
    finally:
        imap.close()
