"""Whose clock is wrong where a token is not valid now? LiveKit judges it by its own, which its answers tell."""

import asyncio
import datetime
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import aiohttp

from prober.core.plan import Plan, Session
from prober.core.reasons import Reason, RunFault
from prober.entry.allowed import NotAllowedError, check_server, connector
from prober.entry.http import NO_TIMEOUT, marks, over_http

SKEW = 60.0
"""Seconds by which the clocks may differ: what livekit-server allows."""

WITHIN = 3.0
"""Seconds given to LiveKit: the run has failed already."""


def clock_fault(headers: Mapping[str, str]) -> RunFault | None:
    """Our own fault where the `Date` in LiveKit's answer of just now is another one than ours; None too without one."""
    try:
        date = parsedate_to_datetime(headers.get("Date", ""))
        theirs = date.replace(tzinfo=date.tzinfo or datetime.UTC).timestamp()
        ours = time.time()
        told = [f"{datetime.datetime.fromtimestamp(one, datetime.UTC):%Y-%m-%d %H:%M:%S}" for one in (ours, theirs)]
    except (ValueError, OverflowError, OSError):
        return None
    if abs(ours - theirs) <= SKEW:
        return None
    why = f"this host's clock shows {told[0]}, LiveKit's {told[1]} (UTC): no token can be judged before they agree"
    return RunFault(Reason.PROBER_INTERNAL, why)


async def clock_asked(session: Session, plan: Plan) -> RunFault | None:
    """Our own fault where LiveKit, asked for the time, has another one than we; None too where it does not tell."""
    try:
        await check_server(session, plan.allowed)
        async with (
            asyncio.timeout(WITHIN),
            aiohttp.ClientSession(connector=connector(plan.allowed), timeout=NO_TIMEOUT) as http,
            http.get(over_http(session.url), headers=marks(plan), allow_redirects=False) as response,
        ):
            return clock_fault(response.headers)
    except (RunFault, NotAllowedError, aiohttp.ClientError, OSError, ValueError):
        return None
