"""The status page in a real browser: what people see, in light and in the dark, on a desk and on a phone."""

import itertools
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect

from prober.watch.status import LineStatus
from prober.watch.web.pages import ROUTES
from prober.watch.web.pages.handlers import REFRESH
from tests.edge.web_canary import Client, serving
from tests.page_history import NOW, Shown
from tests.system.scenes import Scene, scene

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]
SIZES: tuple[ViewportSize, ...] = ({"width": 1100, "height": 800}, {"width": 360, "height": 740})
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
READABLE = 4.5
"""Least contrast of text and ground: WCAG 2.2, 1.4.3."""

CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => numbers(colour).slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    const clear = numbers(colour)[3] === 0;
    return clear && element.parentElement ? ground(element.parentElement) : colour;
  };
  return [...document.querySelectorAll("main *, header *")]
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .filter((element) => element.checkVisibility() && !element.closest("audio, title"))
    .map((element) => {
      const style = getComputedStyle(element);
      const ink = element.closest("svg") ? style.fill : style.color;
      const [low, high] = [light(ink), light(ground(element.closest("svg") ?? element))].sort((a, b) => a - b);
      return [element.tagName + "." + element.getAttribute("class"), (high + 0.05) / (low + 0.05)];
    });
}"""
NAMELESS = """() => [...document.querySelectorAll("main a, main svg[role=img], main audio, header a")]
  .filter((element) => !(element.getAttribute("aria-label") ?? element.textContent).trim())
  .map((element) => element.outerHTML)"""


class Stage:
    """A canary, its server, and pages that look at it; whatever a page complains of fails the test."""

    def __init__(self, context: BrowserContext, client: Client, canary: Shown, scene: Scene) -> None:
        self._context, self._client = context, client
        self.canary, self.scene = canary, scene
        self.complaints: list[str] = []

    async def open(self, path: str, *, frozen: bool = False) -> Page:
        """The page under this path; frozen, its time goes on only where the test says so."""
        page = await self._context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if frozen:
            await page.clock.install(time=NOW)
        response = await page.goto(self._client.server.url + path)
        assert response is not None
        assert response.status == 200
        return page

    async def close_server(self) -> None:
        """The canary is gone."""
        await self._client.server.close()


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Scene]:
    folder = tmp_path_factory.mktemp("scene")
    return folder, scene(folder)


@pytest_asyncio.fixture(loop_scope="session")
async def stage(browser: Browser, kept: tuple[Path, Scene], request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    folder, seen = kept
    canary = Shown(seen.status)
    options = getattr(request, "param", {})
    async with serving(canary, folder, routes=ROUTES) as client, await browser.new_context(**options) as context:
        context.set_default_timeout(10_000)
        stage = Stage(context, client, canary, seen)
        yield stage
        assert stage.complaints == []


async def test_every_page_fits_can_be_read_and_names_what_it_shows(stage: Stage) -> None:
    seen = stage.scene
    for path in ("/", "/targets/shop-eu?window=1h", f"/runs/{seen.absent.run_id}", f"/runs/{seen.heard.run_id}"):
        page = await stage.open(path)
        assert await page.evaluate(NAMELESS) == [], path
        for size, scheme in itertools.product(SIZES, SCHEMES):
            await page.emulate_media(color_scheme=scheme)
            await page.set_viewport_size(size)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, size)
            faint = {name: ratio for name, ratio in await page.evaluate(CONTRAST) if ratio < READABLE}
            assert not faint, (path, scheme)
        await page.close()


async def test_the_answer_stands_in_the_title_and_the_worst_target_first(stage: Stage) -> None:
    page = await stage.open("/")
    await expect(page).to_have_title("No: 1, Unknown: 1, Slowly: 1, Yes: 1 · livekit-prober")
    await expect(page.locator("section.target h2")).to_have_text(["shop-eu", "shop-night", "shop-us", "shop"])
    first = page.locator("section.target").first
    await expect(first.locator(".answer")).to_have_text("No Agent did not join the room. (not within 5 s)")
    await first.locator(".cell.bad").last.click()
    await expect(page).to_have_title("Fail: shop-eu/join · livekit-prober")
    await page.go_back()
    await page.get_by_role("link", name="shop-us").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("shop-us")


async def test_a_change_is_seen_without_a_hand_and_disturbs_nobody(stage: Stage) -> None:
    page = await stage.open("/", frozen=True)
    night = page.locator("#target-shop-night")
    await expect(night.locator(".word")).to_have_text("Unknown")
    link = night.get_by_role("link", name="shop-night")
    await link.focus()
    await page.evaluate("scrollTo(0, 400)")
    place = await page.evaluate("scrollY")
    told = stage.scene.status
    stage.canary.told = msgspec.structs.replace(told, lines=tuple(_judged_now(line) for line in told.lines))
    await page.clock.fast_forward(1000 * REFRESH)
    await expect(page).to_have_title("No: 1, Slowly: 1, Yes: 2 · livekit-prober")
    await expect(night.locator(".word").first).to_have_text("Yes")
    assert place > 0
    assert await page.evaluate("scrollY") == place
    await expect(link).to_be_focused()
    await expect(page.locator("#fresh")).to_have_text(f"Refreshes every {REFRESH} s")


async def test_a_page_that_cannot_refresh_says_that_it_is_old(stage: Stage) -> None:
    page = await stage.open("/", frozen=True)
    await expect(page.locator("#fresh")).to_have_text(f"Refreshes every {REFRESH} s")
    await page.route("**/*", lambda route: route.fulfill(status=502, body="Bad gateway"))
    await page.clock.fast_forward(1000 * REFRESH)
    await expect(page.locator("#fresh")).to_have_text(
        re.compile(r"^Not refreshed since .*: the canary answers with status 502\. What you see is old\.$")
    )
    await page.unroute_all()
    await page.clock.fast_forward(1000 * REFRESH)
    await expect(page.locator("#fresh")).to_have_text(f"Refreshes every {REFRESH} s")
    await stage.close_server()
    await page.clock.fast_forward(1000 * REFRESH)
    await expect(page.locator("#fresh")).to_have_text(re.compile(": the canary does not answer. What you see is old.$"))
    await expect(page.locator("main .answer").first).to_be_visible()
    assert all("Failed to load resource" in said for said in stage.complaints)  # the browser's own words
    stage.complaints.clear()


@pytest.mark.parametrize("stage", [{"java_script_enabled": False}], indirect=True)
async def test_without_scripts_the_page_is_whole_and_reloads_itself(stage: Stage) -> None:
    page = await stage.open("/")
    await expect(page.locator("section.target .answer")).to_have_count(4)
    again = page.locator("noscript meta[http-equiv=refresh], head > meta[http-equiv=refresh]")
    await expect(again).to_have_attribute("content", str(3 * REFRESH))


async def test_a_click_on_the_sound_goes_there(stage: Stage) -> None:
    page = await stage.open(f"/runs/{stage.scene.heard.run_id}")
    sound = page.locator("#sound")
    box = await sound.bounding_box()
    assert box is not None
    await page.evaluate(
        "new Promise((done) => { const audio = document.getElementById('audio');"
        " audio.readyState ? done() : audio.addEventListener('loadedmetadata', done); })"
    )
    await sound.click(position={"x": box["width"] / 2, "y": 40})
    await expect(page.locator("#playhead")).to_have_attribute("visibility", "visible")
    at = await page.evaluate("document.getElementById('audio').currentTime")
    assert at == pytest.approx(19.5 / 2, abs=0.1)
    place = await page.locator("#playhead").get_attribute("x1")
    assert place is not None
    assert float(place.rstrip("%")) == pytest.approx(50, abs=0.5)


def _judged_now(line: LineStatus) -> LineStatus:
    """The line when its maintenance is over and its last run was just now."""
    if line.closed is None:
        return line
    assert line.last is not None
    now = msgspec.structs.replace(line.last, started_at=NOW - 5)
    return msgspec.structs.replace(line, closed=None, last=now, last_judged=now, last_passed=now)
