"""Make the README's moving picture: `python tools/build_picture.py`, from the real page, in Chromium.

The page is what `nbconvert --to lesson` gives of notebook 00; the figure of two systems falls by its own slider, step
by step, and rises again. No frame is drawn for the picture alone.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "browser")]
from lab import chromium  # noqa: E402 - the browser's tests know where it is

from marginlib.jupyter.lesson import LessonExporter  # noqa: E402

PICTURE = ROOT / "notebooks" / "images" / "tanks.webp"
FIGURE = "[data-figure='TWO_SYSTEMS']"
STEP, REST = 110, 1_500  # how long a step and both ends are shown [ms]
WIDTH = 640  # [pixels]


def frames() -> list[Image.Image]:
    """Return the figure from one end of its price to the other, as the page shows it."""
    page_text, _ = LessonExporter().from_filename(str(ROOT / "notebooks" / "00_start_here.ipynb"))
    shots = []
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        file = Path(folder) / "page.html"
        file.write_text(page_text, encoding="utf-8")
        page = browser.new_page(viewport={"width": 820, "height": 1_000}, reduced_motion="reduce")
        page.goto(file.as_uri())
        figure = page.locator(f"{FIGURE}[data-ready='true']")
        price = figure.get_by_role("slider").nth(1)
        price.press("End")
        while True:
            value = price.input_value()
            price.blur()
            shot = Image.open(io.BytesIO(figure.screenshot())).convert("RGB")
            table = figure.locator("table").bounding_box()["y"] - figure.bounding_box()["y"]
            shots.append(shot.crop((0, 0, shot.width, int(table))))
            price.press("ArrowLeft")
            if price.input_value() == value:
                return shots


def main() -> None:
    """Write the picture, and say how large it is."""
    found = frames()
    size = (found[0].width, max(each.height for each in found))  # sentences differ in length
    down = [Image.new("RGB", size, "white") for _ in found]
    for page, each in zip(down, found, strict=True):
        page.paste(each)
    down = [each.resize((WIDTH, round(size[1] * WIDTH / size[0]))) for each in down]
    shown = [*down, *down[-2:0:-1]]
    times = [REST if each in {0, len(down) - 1} else STEP for each in range(len(shown))]
    shown[0].save(PICTURE, save_all=True, append_images=shown[1:], duration=times, loop=0, quality=70, method=6)
    print(f"{PICTURE.relative_to(ROOT)}: {len(shown)} frames, {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
