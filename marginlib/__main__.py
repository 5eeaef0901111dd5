"""The command line: `marginlib verify FILE.jsonl`, also as `python -m marginlib`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from marginlib._validate import MarginError
from marginlib.verify import Check, RowError, check, read_rows

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: the words after the program's name; left out, those of the shell.

    Returns:
        0 when every row passes, 1 when one fails, 2 when the file cannot be read.
    """
    parser = argparse.ArgumentParser(prog="marginlib", description="Margin, exactly.")
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="compute published liquidation prices again, and compare")
    verify.add_argument("file", type=Path, metavar="FILE.jsonl", help="one published example a line, as JSON")
    return _verify(parser.parse_args(arguments).file)


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
                msg = f"line {number}: not UTF-8 text at character {error.start + 1}; save the file as UTF-8"
                raise RowError(msg) from error
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
