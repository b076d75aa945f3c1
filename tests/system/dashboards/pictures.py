"""Draw the dashboards with Grafana's own panel library: `make dashboards`.

The library comes from npm and stays in the user's cache. Where a kind of panel is not in it, it is sketched.
"""

import asyncio
import copy
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from prober.refstack.cache import cache_directory, install, run_tool
from tests.page_history import NOW
from tests.system.dashboards.boards import BOARDS, ROOT, asked, chosen, span
from tests.system.dashboards.prometheus import prometheus

HERE = Path(__file__).parent
IMAGES = ROOT / "docs" / "images"
WIDTH = 1560
PACKAGES = (
    *("@grafana/ui@13.2.2", "@grafana/data@13.2.3", "react@18.3.1", "react-dom@18.3.1", "uplot@1.6.32"),
    *("react-router-dom@5.3.4", "react-router-dom-v5-compat@6.30.6", "rxjs@7.8.2", "esbuild@0.28.2"),
)
"""Router 6 lacks what the library uses, and its packages ask for React 19 where 18 will do."""
_DRAWN = """([plots, tables]) => document.querySelectorAll(".uplot canvas").length === plots
  && document.querySelectorAll("[role=grid]").length === tables"""
LOADERS = tuple(f"--loader:.{kind}=dataurl" for kind in ("svg", "woff2", "png", "ttf"))


async def main() -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = await _bundle(folder)
        async with prometheus(folder) as server, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"))
            for picture, board in _views().items():
                answers = {
                    one.key: {"step": one.step, "result": await server.answer(one, span(board))} for one in asked(board)
                }
                await _draw(browser, script, board, answers, IMAGES / f"dashboard-{picture}.png")
            await browser.close()


async def _bundle(folder: Path) -> Path:
    """The script that draws."""
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
    return script


def _views() -> dict[str, dict[str, Any]]:
    """What each picture shows: a dashboard as it opens, and what is folded in it."""
    canary, folded = (copy.deepcopy(BOARDS["voice-agent-canary"]) for _ in range(2))
    rows = [panel for panel in folded["panels"] if panel.get("collapsed")]
    top = 0
    folded["panels"] = []
    for row in rows:
        shift = top - row["gridPos"]["y"]
        inside = row.pop("panels")
        for one in (row, *inside):
            one["gridPos"]["y"] += shift
        top = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in inside)
        folded["panels"] += [{**row, "collapsed": False}, *inside]
    return {"canary": canary, "canary-folded": folded, "post-deploy": BOARDS["post-deploy"]}


async def _draw(browser: Browser, script: Path, board: dict[str, Any], answers: dict[str, Any], file: Path) -> None:
    variables = [
        (one["label"], "All" if value == ".*" else value)
        for one in board["templating"]["list"]
        if (value := chosen(board)[one["name"]])
    ]
    drawn = {
        **{"board": board, "answers": answers, "chosen": variables, "width": WIDTH},
        **{"from": NOW - span(board), "to": NOW},
    }
    page = await browser.new_page(viewport={"width": WIDTH + 56, "height": 900})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.set_content('<body style="margin:0"><div id="root"></div></body>')
    await page.add_style_tag(path=script.with_suffix(".css"))
    await page.evaluate("drawn => { window.DRAWN = drawn; }", drawn)
    await page.add_script_tag(path=script)
    told = [panel["type"] for panel in board["panels"] if any(_told(answers, panel))]
    await page.wait_for_function(_DRAWN, arg=[told.count("timeseries"), told.count("table")])
    await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert not problems, problems
    await page.screenshot(path=file, full_page=True)
    await page.close()
    print(file.relative_to(ROOT))


def _told(answers: dict[str, Any], panel: dict[str, Any]) -> Iterator[Any]:
    """The answers to a panel's queries."""
    return (answers[f"{panel['id']}/{target['refId']}"]["result"] for target in panel.get("targets", ()))


if __name__ == "__main__":
    asyncio.run(main())
