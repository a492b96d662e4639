"""TLS on the mail door: offered to every server, demanded of none, because most would then send nothing (RFC 3207, BSI TR-03108)."""

import ssl
from pathlib import Path


def context(chain: Path | str, key: Path | str) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate (PEM files). Raises OSError or ssl.SSLError for files that are none."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    made.load_cert_chain(chain, key)
    return made
