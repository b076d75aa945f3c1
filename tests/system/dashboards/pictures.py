"""Draw the dashboards with Grafana's own panel library: `make dashboards`.

The library comes from npm and stays in the user's cache. Where a kind of panel is not in it, it is sketched.
"""

import asyncio
import copy
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, Route, async_playwright

from prober.refstack.cache import cache_directory, install, run_tool
from tests.page_history import NOW
from tests.system.dashboards.boards import BOARDS, ROOT, asked, chosen, filled, span
from tests.system.dashboards.prometheus import prometheus

HERE = Path(__file__).parent
IMAGES = ROOT / "docs" / "images"
WIDTH = 1560
VIEWS = {
    "now": ("voice-agent-canary", ("Now", "Outcomes")),
    "time": ("voice-agent-canary", ("Where the time goes",)),
    "slo": ("voice-agent-canary", ("SLO", "Compare")),
    "blame": ("voice-agent-canary", ("Is the agent side to blame?", "Is the prober to blame?")),
    "post-deploy": ("post-deploy", ("Runs by hand", "The canary, now and before", "The last runs")),
}
"""Which rows of which dashboard a picture shows."""
PACKAGES = (
    *("@grafana/ui@13.2.2", "@grafana/data@13.2.3", "react@18.3.1", "react-dom@18.3.1", "uplot@1.6.32"),
    *("react-router-dom@5.3.4", "react-router-dom-v5-compat@6.30.6", "rxjs@7.8.2", "esbuild@0.28.2"),
)
"""Router 6 lacks what the library uses, and its packages ask for React 19 where 18 will do."""
_DRAWN = """([plots, tables]) => document.querySelectorAll(".uplot canvas").length === plots
  && document.querySelectorAll("[role=grid]:has([role=gridcell])").length === tables"""
_DOCUMENT = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="draw.css">
<body style="margin:0"><div id="root"></div><script src="draw.js"></script>"""
LOADERS = tuple(f"--loader:.{kind}=dataurl" for kind in ("svg", "woff2", "png", "ttf"))


async def main() -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = await _bundle(folder)
        async with prometheus(folder) as server, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"))
            for picture, (dashboard, titles) in VIEWS.items():
                board = view(BOARDS[dashboard], titles)
                answers = {
                    one.key: {"step": one.step, "result": await server.answer(one, span(board))} for one in asked(board)
                }
                page = await _page(browser, (folder, library))
                await _draw(page, board, answers, IMAGES / f"dashboard-{picture}.png")
                await page.close()
            await browser.close()


async def _bundle(folder: Path) -> Path:
    """Put the page that draws into the folder; return that of the library's icons."""
    library = cache_directory() / f"grafana-ui-{PACKAGES[0].rpartition('@')[2]}"

    async def fetch(work: Path, log: Path) -> Path:
        flags = ("--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(work))
        await run_tool(
            "Fetching Grafana's panel library", ("npm", "install", *flags, *PACKAGES), log=log, progress=print
        )
        return work

    if not library.exists():
        await install(library, fetch, print)
    source, script = folder / "draw.tsx", folder / "draw.js"
    shutil.copy(HERE / "draw.tsx", source)
    (folder / "node_modules").symlink_to(library / "node_modules")
    argv: tuple[str | Path, ...] = (
        *(library / "node_modules" / ".bin" / "esbuild", source, "--bundle", "--minify", f"--outfile={script}"),
        *("--define:global=window", '--define:process.env.NODE_ENV="production"', *LOADERS),
    )
    await run_tool("Bundling", argv, log=folder / "esbuild.log", progress=print)
    (folder / "index.html").write_text(_DOCUMENT, encoding="utf-8")
    return library / "node_modules" / "@grafana" / "ui" / "dist"


def view(board: Mapping[str, Any], titles: Sequence[str]) -> dict[str, Any]:
    """The dashboard with these rows alone, unfolded."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for panel in copy.deepcopy(board["panels"]):
        if panel["type"] == "row":
            row = rows[panel["title"]] = [{**panel, "collapsed": False}, *panel["panels"]]
        else:
            row.append(panel)
    shown, top = [], 0
    for heading, *others in (rows[title] for title in titles):
        first = min(one["gridPos"]["y"] for one in others) - 1
        heading["gridPos"]["y"] = first
        for one in (heading, *others):
            one["gridPos"]["y"] += top - first
        top = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in others)
        shown += [heading, *others]
    for one in shown:
        one["title"] = filled(one["title"], chosen(board))
    return {**board, "panels": shown}


async def _page(browser: Browser, folders: Sequence[Path]) -> Page:
    """An empty page of a site that these folders are."""
    page = await browser.new_page(viewport={"width": WIDTH + 56, "height": 4000})  # what is out of sight is not drawn

    async def serve(route: Route) -> None:
        asked_for = urlsplit(route.request.url).path.lstrip("/").replace("public/build/", "public/") or "index.html"
        file = next((folder / asked_for for folder in folders if (folder / asked_for).is_file()), None)
        await (route.abort() if file is None else route.fulfill(path=file))

    await page.route("**/*", serve)
    return page


async def _draw(page: Page, board: dict[str, Any], answers: dict[str, Any], file: Path) -> None:
    variables = [
        (one["label"], "All" if value == ".*" else value)
        for one in board["templating"]["list"]
        if (value := chosen(board)[one["name"]])
    ]
    drawn = {
        **{"board": board, "answers": answers, "chosen": variables, "width": WIDTH},
        **{"from": NOW - span(board), "to": NOW},
    }
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.add_init_script(f"window.DRAWN = {json.dumps(drawn)}")
    await page.goto("http://dashboards.invalid/")
    told = [panel["type"] for panel in board["panels"] if any(_told(answers, panel))]
    try:
        await page.wait_for_function(_DRAWN, arg=[told.count("timeseries"), told.count("table")])
    finally:
        assert not problems, problems
    await page.wait_for_load_state("networkidle")
    await page.locator("#root > div").screenshot(path=file)
    print(file.relative_to(ROOT))


def _told(answers: dict[str, Any], panel: dict[str, Any]) -> Iterator[Any]:
    """The answers to a panel's queries."""
    return (answers[f"{panel['id']}/{target['refId']}"]["result"] for target in panel.get("targets", ()))


if __name__ == "__main__":
    asyncio.run(main())
