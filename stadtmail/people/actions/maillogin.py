"""Mail programs sign in with the login password, where the person has switched that on. That it is off is told to nobody who asks."""

from stadtmail.people import queries
from stadtmail.people.actions import credentials
from stadtmail.people.actions.credentials import SignedIn, WrongCredentials
from stadtmail.tenants.models import Tenant


def sign_in(tenant: Tenant, address: str, password: str) -> SignedIn:
    """Check login name (the full mail address) and password for a mail program. Raises WrongCredentials, passwords.Busy."""
    who = credentials.sign_in(tenant, address, password)
    credential = queries.credential(tenant, who.contract)
    if credential is None or not credential.mail_login:
        raise WrongCredentials
    return who
