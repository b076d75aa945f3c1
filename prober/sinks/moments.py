"""Moments as people write them: so long ago, or a date. Pure."""

import datetime
import re

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def moment(text: str, now: float) -> float:
    """Unix time: `24h` is so long before `now`, a date its beginning in UTC unless it names another zone.

    Raises ValueError for anything else.
    """
    ago = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    if ago is not None:
        return now - int(ago[1]) * SECONDS[ago[2]]
    try:
        date = datetime.datetime.fromisoformat(text)
        return (date if date.tzinfo is not None else date.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError("neither a time such as 30m, 24h or 7d nor a date") from error
