"""Take the pictures of docs/status-page.md: `python -m tests.system.pictures FOLDER`.

FOLDER holds the record and the sound of one real run (`livekit-prober demo --once --record FOLDER`), which is shown as
run page; the other pages show the scene of the tests.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec
from playwright.async_api import async_playwright

from prober.core.record import RunRecord
from prober.sinks.evidence import Evidence, Limits
from prober.watch.web.pages import ROUTES
from tests import page_history
from tests.edge.web_canary import serving
from tests.system.scenes import scene

IMAGES = Path(__file__).parents[2] / "docs" / "images"


async def main(recorded: Path) -> None:
    """Write all of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seen = scene(folder)
        (file,) = recorded.glob("*.json")
        run = msgspec.json.decode(file.read_bytes(), type=RunRecord)
        page_history.keep(folder / "history.db", [run])
        sound = shutil.copy(file.with_suffix(".wav"), folder / "sound.wav")
        Evidence(folder / "evidence", Limits()).keep(run.run_id, run.outcome, file.read_bytes(), Path(sound))
        one = seen.status.lines[2:4]  # the target that fails
        alone = msgspec.structs.replace(seen.status, lines=one)
        async with (
            serving(page_history.Shown(seen.status), folder, routes=ROUTES) as all_of_it,
            serving(page_history.Shown(alone), folder, routes=ROUTES) as of_one,
        ):
            await _take(
                {
                    "status-page": (all_of_it.server.url, 1000, 1080, "light"),
                    "status-page-phone": (of_one.server.url, 390, 844, "dark"),
                    "status-page-target": (f"{all_of_it.server.url}/targets/shop-us?window=1h", 1000, 900, "dark"),
                    "status-page-run": (f"{all_of_it.server.url}/runs/{run.run_id}", 1000, 900, "light"),
                }
            )


async def _take(pictures: dict[str, tuple[str, int, int, str]]) -> None:
    IMAGES.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for name, (url, width, height, scheme) in pictures.items():
            page = await browser.new_page(viewport={"width": width, "height": height})
            await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            await page.goto(url)
            await page.screenshot(path=IMAGES / f"{name}.png")
            await page.close()
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
