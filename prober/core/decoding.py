"""JSON that anybody may have written, as values of ours. Pure."""

from typing import Annotated, Any, TypeVar

import msgspec

from prober.core.visible import visible

T = TypeVar("T")

Whole = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
"""A whole number of a document: a larger one no float can hold exactly, and one of 309 digits none at all."""


def decoded(body: bytes, kind: type[T] | Any) -> T:
    """The value of this kind in the JSON.

    Raises ValueError, in words that can be shown: not JSON, not UTF-8, nested too deep, of another kind.
    """
    try:
        value: T = msgspec.json.decode(body, type=kind)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except ValueError as error:  # its text quotes the document
        raise ValueError(visible(str(error))) from None
    return value
