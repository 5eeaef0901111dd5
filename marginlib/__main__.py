"""The command line: `marginlib course`, `account`, `verify`, `rulebooks`, `grade`; also `python -m marginlib`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from marginlib.errors import MarginError
from marginlib.jupyter.folder import open_course, write_course
from marginlib.verify import RowError, check, read_rows

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
    account = "what your own account faces, from a table or your venue's export"
    commands.add_parser("account", help=account, add_help=False)
    commands.add_parser("rulebooks", help="where each recorded term of each venue comes from, and when it was read")
    commands.add_parser("grade", help="a graded course: key, tickets, grades, reports", add_help=False)
    chosen, words = parser.parse_known_args(arguments)
    if chosen.command == "grade":
        try:
            grading = import_module("marginlib.grading.cli")
        except ModuleNotFoundError as missing:
            print(
                f'{missing.name} is not installed: in the repository, python -m pip install ".[grade]"', file=sys.stderr
            )
            return 2
        return int(grading.main(words))
    opens = chosen.command == "course" and not (chosen.no_open or chosen.teach)
    if words and not opens and chosen.command != "account":
        parser.error(f"unrecognized arguments: {' '.join(words)}")
    try:
        if chosen.command == "verify":
            return _verify(chosen.file)
        if chosen.command in {"account", "rulebooks"}:
            told = (
                import_module("marginlib.course.account").report(words) if chosen.command == "account" else _sources()
            )
            print(_printable(told))
            return 0
        print(_printable(str(write_course(chosen.folder, teach=chosen.teach))), flush=True)
        if opens:
            open_course(chosen.folder, words)
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
                verdict = "ok  " if each.passed else "FAIL"
                prices = (each.expected, each.computed)
                expected, computed = ("none" if price is None else f"{price:.10g}" for price in prices)
                error = "-" if each.relative_error is None else f"{each.relative_error:.1e}"
                text = f"{each.name}: {each.price} expected {expected}, computed {computed}, relative error {error}"
                print(_printable(f"{verdict} {text}"))
            good = all(each.passed for each in checks)
            passed, failed = passed + good, failed + (not good)
    except OSError as error:
        raise MarginError(f"{path}: {error.strerror or error}") from error
    except MarginError as error:
        raise MarginError(f"{path}: {error}") from error
    if not passed + failed:
        raise MarginError(f"{path}: no rows: give one JSON object a line")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _sources() -> str:
    """Return a line for each recorded term, and a count of the old ones."""
    frame = import_module("marginlib.tables").facts()  # on first use: pandas takes a second
    old = frame.pop("over a year ago")
    text = frame.assign(read=frame["read"] + old.map({True: " OLD", False: ""}))
    text = text.apply(lambda column: column.str.ljust(column.str.len().max()))
    lines = text.to_string(index=False, justify="left")
    return f"{lines}\n{len(frame)} terms, {old.sum()} read more than a year ago"


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


if __name__ == "__main__":
    sys.exit(main())
