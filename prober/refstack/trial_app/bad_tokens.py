"""Tokens that a caller cannot use, made from good ones."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from prober.refstack.faults import Fault

HOUR = 3600


def spoiled(token: str, fault: Fault | None, *, secret: str, unix_time: int) -> str:
    """The token as this fault hands it out; other faults leave it as it is."""
    if fault is None or fault not in _CHANGES:
        return token
    claims = jwt.decode(token, options={"verify_signature": False})
    _CHANGES[fault](claims, unix_time)
    key = secrets.token_urlsafe(32) if fault is Fault.TOKEN_WRONG_KEY else secret
    return jwt.encode(claims, key, algorithm="HS256")


_CHANGES: Mapping[Fault, Callable[[dict[str, Any], int], None]] = {
    Fault.TOKEN_OTHER_ROOM: lambda claims, _: claims["video"].update(room="trial_of_another_caller"),
    Fault.TOKEN_NO_GRANT: lambda claims, _: claims["video"].pop("roomJoin"),
    Fault.TOKEN_EXPIRED: lambda claims, now: claims.update(nbf=now - 2 * HOUR, exp=now - HOUR),
    Fault.TOKEN_NOT_YET_VALID: lambda claims, now: claims.update(nbf=now + HOUR, exp=now + 2 * HOUR),
    Fault.TOKEN_WRONG_KEY: lambda _claims, _: None,
}
