"""The command line: `marginlib course DIR`, `verify FILE.jsonl` and `grade`, also as `python -m marginlib`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from marginlib.errors import MarginError
from marginlib.jupyter.folder import open_course, write_course
from marginlib.verify import Check, RowError, check, read_rows

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: the words after the program's name; left out, those of the shell.

    Returns:
        0 when the course is written or every row passes, 1 when a row fails, 2 when a file cannot be read or written.
    """
    parser = argparse.ArgumentParser(prog="marginlib", description="Margin, exactly.")
    commands = parser.add_subparsers(dest="command", required=True)
    course = commands.add_parser("course", help="write the notebooks into a folder of yours, and open them")
    course.add_argument("folder", metavar="DIR", help="where to; what you changed there is kept")
    course.add_argument("--no-open", action="store_true", help="only write")
    course.add_argument("--teach", action="store_true", help="write what a graded course needs, too; implies --no-open")
    course.epilog = "All other words after DIR go to JupyterLab, such as --no-browser or --port=9000."
    verify = commands.add_parser("verify", help="compute published liquidation prices again, and compare")
    verify.add_argument("file", type=Path, metavar="FILE.jsonl", help="one published example a line, as JSON")
    commands.add_parser("grade", help="a graded course: key, tickets, grades, reports", add_help=False)
    chosen, words = parser.parse_known_args(arguments)
    if chosen.command == "grade":
        return _grade(words)
    opens = chosen.command == "course" and not (chosen.no_open or chosen.teach)
    if words and not opens:
        parser.error(f"unrecognized arguments: {' '.join(words)}")
    if chosen.command == "course":
        return _course(chosen.folder, words if opens else None, teach=chosen.teach)
    return _verify(chosen.file)


def _grade(words: Sequence[str]) -> int:
    """Hand over to the command line of grading, which an extra brings, and return its exit code."""
    try:
        grading = import_module("marginlib.grading.cli")
    except ModuleNotFoundError as missing:
        print(f'{missing.name} is not installed: python -m pip install "marginlib[grade]"', file=sys.stderr)
        return 2
    return int(grading.main(words))


def _course(folder: str, words: Sequence[str] | None, *, teach: bool) -> int:
    """Write the course, open it unless there are no words for JupyterLab, and return the exit code."""
    try:
        print(_printable(str(write_course(folder, teach=teach))), flush=True)
        if words is not None:
            open_course(folder, words)
    except MarginError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _verify(path: Path) -> int:
    """Print a line for each published price and a count; return the exit code."""
    passed = failed = 0
    try:
        for _, row in read_rows(_lines(path)):
            checks = check(row)
            for each in checks:
                print(_printable(_line(each)))
            good = all(each.passed for each in checks)
            passed, failed = passed + good, failed + (not good)
    except OSError as error:
        print(f"{path}: {error.strerror or error}", file=sys.stderr)
        return 2
    except MarginError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 2
    if not passed + failed:
        print(f"{path}: no rows: give one JSON object a line", file=sys.stderr)
        return 2
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file; one that is not UTF-8 is refused by its number."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.encode()
            except UnicodeEncodeError as error:
                raise RowError(
                    f"line {number}: not UTF-8 text at character {error.start + 1}; save the file as UTF-8"
                ) from error
            yield line


def _printable(text: str) -> str:
    """Return the text with escapes for what the terminal's encoding lacks, so that a row's name stops nothing."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _line(each: Check) -> str:
    """Return one comparison as a line of text."""
    verdict = "ok  " if each.passed else "FAIL"
    error = "-" if each.relative_error is None else f"{each.relative_error:.1e}"
    return (
        f"{verdict} {each.name}: {each.price} expected {_number(each.expected)}, "
        f"computed {_number(each.computed)}, relative error {error}"
    )


def _number(price: float | None) -> str:
    """Return a price as text; `none` where there is no such price."""
    return "none" if price is None else f"{price:.10g}"


if __name__ == "__main__":
    sys.exit(main())
