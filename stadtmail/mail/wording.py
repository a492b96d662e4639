"""Sentences of filters that go out by mail: refused, and may we send to you. In German and English, one after the other."""


def refused(address: str) -> str:
    """Subject of the note to a sender whose message somebody's filter refused."""
    return f"Nicht zugestellt an {address} / Not delivered to {address}"


def asking(*, lang: str, who: str, address: str, code: str, service: str, days: int) -> tuple[str, str]:
    """Subject and text of the question to an address that somebody's filter wants to pass mail on to."""
    if lang == "en":
        return (
            f"Confirm forwarding of {who}",
            (f"{who} wants to pass mail on from {service} to {address}.\n\n"
            f"Nothing has been sent yet. If that is you, or if you agree, give {who} this code within {days} days:\n\n"
            f"    {code}\n\n"
            "It is entered in the portal under “Mailbox”, “Settings”, “Forwarding”; or, in a filter of one's own, as the line\n\n"
            f"    # confirm {code}\n\n"
            "If you do not want this mail, do nothing: nothing will be sent to you.\n"),
        )
    return (
        f"Weiterleitung von {who} bestätigen",
        (f"{who} möchte Nachrichten von {service} an {address} weiterleiten.\n\n"
        f"Noch ist nichts weitergeleitet worden. Wenn Sie das selbst sind oder einverstanden sind, geben Sie {who} diesen Code "
        f"innerhalb von {days} Tagen:\n\n"
        f"    {code}\n\n"
        "Er wird im Portal eingegeben unter „Postfach“, „Einstellungen“, „Weiterleitung“; oder, in einem eigenen Filter, als Zeile\n\n"
        f"    # confirm {code}\n\n"
        "Wenn Sie diese Nachrichten nicht möchten, tun Sie nichts: Dann wird Ihnen nichts weitergeleitet.\n"),
    )
