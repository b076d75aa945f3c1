"""JSON that anybody may have written, as values of ours. Pure."""

from typing import Any, TypeVar

import msgspec

from prober.core.visible import visible

T = TypeVar("T")


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
