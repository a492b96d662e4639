"""Has `default` been put back from a backup? A number that goes up in `default` and in `evidence` says so.

Each step forward is committed in `default` first and in `evidence` second, so that no crash between the two and no power loss leaves
`default` behind: it is level, or ahead by one. Where it is behind, its rows are older than what this instance has lived through, also
where nothing was erased since (what was erased the ledger knows). No clock is asked. `evidence` survives a restore of `default`; a
machine that was rolled back as a whole learns it from its witness.
"""

from uuid import UUID, uuid5

from stadtmail.kit import log as lines
from stadtmail.kit import store
from stadtmail.kit.router import store_of
from stadtmail.privacy.models import Generation, Lived


def advance() -> None:
    """One step forward, which tells every backup that was made before it from the rows.

    Rows that are behind stay so until somebody has dealt with it (`meet`): a restore that is overlooked would be worse.
    """
    if is_behind():
        lines.event("rows_behind")
    else:
        meet()


def is_behind() -> bool:
    """Are the rows older than what this instance has lived through?"""
    lived = _lived()  # read first: the rows only ever run ahead of it, also while another process takes a step
    return _rows() < lived


def is_ahead() -> bool:
    """Have the rows lived through more than the evidence remembers? Then `evidence` was put back: no crash explains it."""
    return _rows() > _lived() + 1


def doubt() -> None:
    """The witness knows more than this machine: rows and evidence are old together. From here on the rows count as behind."""
    _reach(Lived, max(_lived(), _rows()) + 1)


def meet() -> None:
    """Rows and evidence are level from here on, one step ahead of both: whoever calls knows that nothing is overlooked."""
    newest = max(_lived(), _rows())
    _reach(Lived, newest)  # a step that a crash broke off is taken to its end
    _reach(Generation, newest + 1)
    _reach(Lived, newest + 1)


def mark(city: UUID) -> UUID:
    """Of this city's leaf about the restore that is being dealt with: always the same until it is (`meet`)."""
    return uuid5(city, f"restored at {_lived()}")


def _reach(model: type[Generation] | type[Lived], number: int) -> None:
    """Never back: a slower process may come with a smaller number."""
    with store.writing(store_of(model)):
        model.objects.get_or_create(id=1, defaults={"number": 0})
        model.objects.filter(id=1, number__lt=number).update(number=number)


def _rows() -> int:
    return Generation.objects.values_list("number", flat=True).first() or 0


def _lived() -> int:
    return Lived.objects.values_list("number", flat=True).first() or 0
