"""What machines ask the canary about itself, and what all answers have in common."""

import logging
import re
from pathlib import Path

import pytest
from aiohttp import web

from prober.watch.web import api, operating, pages, probing, stored
from prober.watch.web.responses import HEADERS
from tests.edge.web_canary import SmallCanary, serving


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("application/openmetrics-text", "application/openmetrics-text"), ("*/*", "text/plain; version=0.0.4")],
)
async def test_metrics_come_in_the_form_that_is_asked_for(tmp_path: Path, accept: str, kind: str) -> None:
    async with serving(SmallCanary(), tmp_path) as client:
        response, body = await client.ask("/metrics", headers={"Accept": accept})
    assert (response.status, body) == (200, b"# EOF\n")
    assert response.headers["Content-Type"].startswith(kind)


@pytest.mark.parametrize(("age", "status"), [(0.0, 200), (59.9, 200), (60.0, 503)])
async def test_health_is_the_schedules_heartbeat(tmp_path: Path, age: float, status: int) -> None:
    async with serving(SmallCanary(heartbeat_age=age), tmp_path) as client:
        found, text = await client.text("/-/healthy")
    assert found == status
    assert text.startswith(f"{'Healthy' if status == 200 else 'Not healthy'}. The schedule last went round {age:.1f} s")


async def test_a_canary_that_stops_is_not_ready_and_still_alive(tmp_path: Path) -> None:
    canary = SmallCanary()
    async with serving(canary, tmp_path) as client:
        assert await client.text("/-/ready") == (200, "Ready.\n")
        canary.stopping = True
        assert await client.text("/-/ready") == (503, "Not ready. The canary is stopping.\n")
        assert (await client.text("/-/healthy"))[0] == 200


async def test_a_reload_says_what_became_of_it(tmp_path: Path) -> None:
    canary = SmallCanary()
    async with serving(canary, tmp_path) as client:
        assert await client.text("/-/reload", "POST") == (200, "Reloaded.\n")
        canary.trouble = "canary.yaml:3: targets: no such key."
        assert await client.text("/-/reload", "POST") == (
            500,
            "Not reloaded, the old configuration stays. canary.yaml:3: targets: no such key.\n",
        )
    assert canary.reloads == 2


async def test_the_configuration_is_yaml(tmp_path: Path) -> None:
    async with serving(SmallCanary(), tmp_path) as client:
        response, body = await client.ask("/config")
    assert response.headers["Content-Type"] == "text/yaml; charset=utf-8"
    assert b"[hidden]" in body


@pytest.mark.parametrize(
    ("path", "method", "status", "sentence"),
    [
        ("/-/reload", "GET", 405, "This path answers POST."),
        ("/metrics", "POST", 405, "This path answers GET and HEAD."),
        ("/metrics", "TRACE", 405, "This path answers GET and HEAD."),
        ("/probe", "HEAD", 405, None),
        ("/../../etc/passwd", "GET", 404, "There is nothing under this path."),
        ("/runs/0123456789abcdeg.json", "GET", 404, "There is nothing under this path."),
        ("/probe", "GET", 404, "Runs on demand are off: --enable-probe of `livekit-prober watch` allows them."),
    ],
)
async def test_errors_are_one_sentence(
    tmp_path: Path, path: str, method: str, status: int, sentence: str | None
) -> None:
    async with serving(SmallCanary(), tmp_path) as client:
        response, body = await client.ask(path, method)
    assert response.status == status
    assert response.content_type == "text/plain"
    assert body.decode() == ("" if sentence is None else f"{sentence}\n")
    if status == 405:
        assert response.headers["Allow"]


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/config", "/nothing", "/-/reload", "/api/v1/status"])
async def test_every_answer_has_the_headers(tmp_path: Path, path: str) -> None:
    async with serving(SmallCanary(), tmp_path) as client:
        response, _ = await client.ask(path)
    assert HEADERS.items() <= dict(response.headers).items()
    assert response.headers["Server"] == "livekit-prober"


async def test_a_page_comes_in_by_its_route_and_keeps_its_own_headers(tmp_path: Path) -> None:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<p>", content_type="text/html", headers={"Content-Security-Policy": "own"})

    async with serving(SmallCanary(), tmp_path, routes=[web.get("/", page)]) as client:
        response, _ = await client.ask("/")
    assert response.headers["Content-Security-Policy"] == "own"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_bug_of_ours_is_logged_and_shows_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def page(_request: web.Request) -> web.Response:
        raise RuntimeError("what nobody may see")

    async with serving(SmallCanary(), tmp_path, routes=[web.get("/", page)]) as client:
        assert await client.text("/") == (500, "The canary has a bug; its log has the rest.\n")
        assert (await client.text("/-/ready"))[0] == 200
    assert [(one.levelno, one.message) for one in caplog.records if one.name.startswith("prober")] == [
        (logging.ERROR, "web.failed")
    ]


def test_every_path_has_its_row_in_the_documents_and_the_other_way_round() -> None:
    page = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(/[^`]*)` \| ([A-Z]+) \|", page, re.MULTILINE))
    routes = (*operating.ROUTES, *probing.routes(None), *api.ROUTES, *stored.ROUTES, *pages.ROUTES)
    names = {"target": "NAME", "scenario": "SCENARIO", "run_id": "ID"}
    assert told == {
        (re.sub(r"\{(\w+)(:.*?\})?\}", lambda found: names[found[1]], route.path), route.method)
        for route in routes
        if isinstance(route, web.RouteDef)
    }
