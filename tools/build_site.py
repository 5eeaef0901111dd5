"""Build book and site into one folder: `python tools/build_site.py [--output DIR] [--wheels FOLDER]`.

At its top is a book of the course whose figures move, in `run` a JupyterLite site in which every notebook runs, in the
reader's own browser. Any static server takes the folder, and nothing in it asks another machine for anything. What was
fetched for it is kept in `.site-cache`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from site_book import book
from site_lite import lite
from site_tools import ROOT, SiteError

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "site", help="folder to build into")
    parser.add_argument("--wheels", type=Path, help="folder with wheels of Pyodide")
    words = parser.parse_args()
    shutil.rmtree(words.output, ignore_errors=True)
    try:
        book(words.output.resolve())
        lite(words.output.resolve() / "run", words.wheels)
        shutil.copy(words.output / "run" / "lab" / "favicon.ico", words.output)  # browsers ask for it at the top
    except SiteError as error:
        sys.exit(str(error))
    size = sum(each.stat().st_size for each in words.output.rglob("*") if each.is_file())
    print(f"{words.output}: {size / 1e6:.1f} MB. Serve it: python -m http.server --directory {words.output}")
