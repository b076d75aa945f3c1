"""The JSON API: how the canary stands, and its runs. Times are RFC 3339 in UTC as in the record, spans seconds."""

import datetime
import time
from typing import Any

import msgspec
from aiohttp import web

from prober.sinks.entries import Entry
from prober.watch.status import LineStatus
from prober.watch.web import questions
from prober.watch.web.site import SITE


async def status(request: web.Request) -> web.Response:
    """How the canary stands now, line by line; the recent runs of a line are asked for under `runs`."""
    now = request.app[SITE].canary.status()
    times = {name: _time(getattr(now, name)) for name in ("now", "started_at", "config_loaded_at")}
    return _json({**msgspec.to_builtins(now), **times, "lines": [_line(line) for line in now.lines]})


async def runs(request: web.Request) -> web.Response:
    """Runs, the newest first; `next` is the id to give as `before` for older ones, null where there are none."""
    try:
        query = questions.runs(request.query.items(), time.time())
    except questions.QuestionError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error
    limit, before = query.limit or questions.LISTED, query.before
    one_more = msgspec.structs.replace(query, limit=limit + 1)
    found, known = await request.app[SITE].ask(
        lambda history: (tuple(history.runs(one_more)), before is None or history.document(before) is not None)
    )
    if not known:
        raise web.HTTPBadRequest(text="The parameter before names no run that is kept; begin again without it.\n")
    after = found[limit - 1].run_id if len(found) > limit else None
    return _json({"runs": [_run(entry) for entry in found[:limit]], "next": after})


def _line(line: LineStatus) -> dict[str, Any]:
    runs = {name: _maybe(getattr(line, name)) for name in ("last", "last_judged", "last_passed")}
    told = msgspec.to_builtins(msgspec.structs.replace(line, recent=()))
    del told["key"], told["recent"]
    return {"target": line.key.target, "scenario": line.key.scenario, **told, **runs}


def _maybe(entry: Entry | None) -> dict[str, Any] | None:
    return None if entry is None else _run(entry)


def _run(entry: Entry) -> dict[str, Any]:
    """A run as lists show it; a measurement has the values that came, and how many were missed or not believed."""
    told = msgspec.to_builtins(entry)
    del told["tallies"], told["exit_code"]
    measured = {
        name: {"values": tally.values, "misses": tally.misses, "unusable": tally.unusable}
        for name, tally in entry.tallies.items()
    }
    return {**told, "started_at": _time(entry.started_at), "measurements": measured}


def _time(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="milliseconds")


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


ROUTES = (web.get("/api/v1/status", status), web.get("/api/v1/runs", runs))
