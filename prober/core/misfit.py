"""What is wrong with an entry, and where in it. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager


class MisfitError(ValueError):
    """An entry cannot be walked; the words say why, the place (fields, keys, indexes) where in it."""

    def __init__(self, words: str, place: tuple[str | int, ...]) -> None:
        super().__init__(words)
        self.place = place


@contextmanager
def at(*place: str | int) -> Iterator[None]:
    """Whatever is found wrong inside is wrong at this place."""
    try:
        yield
    except ValueError as error:
        inside = error.place if isinstance(error, MisfitError) else ()
        raise MisfitError(str(error), (*place, *inside)) from None
