"""One class hands in everything that can go wrong, by accident or on purpose; real nbgrader grades it in one batch.

Each submission gets the score that a fair teacher would give. What cannot be graded has a status and a reason, and
waits in the gradebook for a person; nothing else on the machine is touched.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import build_exercises as build
import nbformat
import psutil
import pytest
from nbgrader.api import Gradebook
from nbgrader_course import copied, nbgrader, needs_sandbox
from submissions import TEXT, content, filled, full, hand_in, released, solutions

from marginlib.course.tasks import task
from marginlib.grading.jobs import results
from marginlib.grading.keys import read_key
from marginlib.grading.verdict import Result
from marginlib.practice.tasks.numbering import given, ticket

SET = "sizing"
FULL = full(SET)
SECRET = "the-secret-of-the-host"  # noqa: S105 - nobody's

pytestmark = needs_sandbox


@dataclass
class Place:
    """What an attacker may know of the machine."""

    course: Path
    key: Path
    canary: Path
    port: int
    pid: int


@dataclass
class Fault:
    """A submission, and what is fair: the scores that differ from full marks, its status, and what is said."""

    make: Callable[[Place], bytes]
    scores: dict[str, float | None] = field(default_factory=dict)
    status: str = "graded"
    reason: str = ""
    says: dict[str, str] = field(default_factory=dict)
    returned: dict[str, object] = field(default_factory=dict)


RELEASE, RIGHT = released(SET), {**solutions(SET), "sizing-9": TEXT}
FAULTS: dict[str, Fault] = {}


def fault(*, right: bool = True, **fair) -> Callable[[Callable], Callable]:
    """Add the submission that a function makes: answer cells (over the right ones), a notebook, or bytes."""

    def add(make: Callable[[Place], object]) -> Callable:
        def made(place: Place) -> bytes:
            got = make(place)
            if type(got) is dict:  # a notebook is a dict, too
                got = filled(RELEASE, {**(RIGHT if right else {}), **got})
            return got if isinstance(got, bytes) else content(got)

        FAULTS[make.__name__] = Fault(make=made, **fair)
        return make

    return add


def whole() -> nbformat.NotebookNode:
    return filled(RELEASE, RIGHT)


def cell_of(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == name)


UNGRADED = dict.fromkeys(FULL)
NOTHING = dict.fromkeys(FULL, 0)


# --- right ----------------------------------------------------------------------------------------------------------


@fault()
def right_as_the_model(_place):
    return {}


@fault()
def right_with_numpy(_place):
    return {
        "sizing-1": "import numpy as np\ngiven = numbers['sizing-1']\n"
        "answer_1 = np.array([given['quantity'] * given['mark'] / given['leverage']])"
    }


@fault()
def right_with_decimals(_place):
    return {
        "sizing-2": "from decimal import Decimal as D\ngiven = numbers['sizing-2']\n"
        "answer_2 = D(str(given['quantity'])) * (D(str(given['mark'])) - D(str(given['entry'])))"
    }


@fault()
def right_with_a_helper_cell(_place):
    notebook = filled(RELEASE, {**RIGHT, "sizing-1": "answer_1 = deposit(numbers['sizing-1'])"})
    helper = nbformat.v4.new_code_cell("def deposit(n):\n    return n['quantity'] * n['mark'] / n['leverage']")
    notebook.cells.insert(2, helper)
    return notebook


@fault()
def right_with_magics_and_shown_results(_place):
    return {
        "sizing-1": "%%time\n" + RIGHT["sizing-1"] + "\n%matplotlib inline\n!ls\nanswer_1",
        "sizing-2": RIGHT["sizing-2"] + "\nfrom IPython.display import display\ndisplay(answer_2)",
    }


@fault()
def right_in_a_loop(_place):
    return {
        "sizing-3": "def available(wallet, quantity, entry, mark, leverage):\n    total = wallet\n"
        "    for change in (quantity * mark, -quantity * entry, -abs(quantity) * mark / leverage):\n"
        "        total += change\n    return total if total > 0 else 0"
    }


@fault()
def right_with_a_debug_print(_place):
    return {"sizing-3": "print('here')\n" + RIGHT["sizing-3"].replace("    equity", "    print(wallet)\n    equity", 1)}


@fault()
def right_with_a_warning(_place):
    warning = "    import warnings, sys\n    warnings.warn('careful')\n    print('x', file=sys.stderr)\n"
    return {"sizing-3": RIGHT["sizing-3"].replace("    equity", warning + "    equity", 1)}


# --- wrong, honestly ------------------------------------------------------------------------------------------------


@fault(right=False, scores=NOTHING)
def untouched(_place):
    return {}


@fault(scores={"sizing-3": 0}, says={"sizing-3": "grading checks passed"})
def fails_only_hidden_cases(place):
    mine = ticket(SET, "fails_only_hidden_cases", read_key(place.key))
    from marginlib.practice.tasks.numbering import open_cases  # noqa: PLC0415 - for this student alone

    cases = open_cases(task("sizing-3"), mine)
    table = {repr(list(case.values())): task("sizing-3").solve(**case) for case in cases}
    return {"sizing-3": f"def available(*case):\n    return {table!r}.get(repr(list(case)), 7)"}


@fault(scores={"sizing-1": 0}, says={"sizing-1": "NameError"})
def error_in_a_cell(_place):
    return {"sizing-1": "answer_1 = quantity * mark"}


@fault(scores={"sizing-1": 0}, says={"sizing-1": "SyntaxError"})
def syntax_error_in_a_cell(_place):
    return {"sizing-1": "answer_1 = = 3"}


@fault()
def endless_loop_after_a_right_answer(_place):
    return {"sizing-1": RIGHT["sizing-1"] + "\nwhile True:\n    pass"}


@fault(scores={"sizing-3": 0}, says={"sizing-3": "TimeoutError"})
def endless_loop_in_a_function(_place):
    return {"sizing-3": "def available(*case):\n    while True:\n        pass"}


@fault(scores={"sizing-3": 0}, says={"sizing-3": "TimeoutError"})
def loop_that_swallows_interrupts(_place):
    loop = "    while True:\n        try:\n            while True: pass\n        except BaseException: pass"
    return {"sizing-3": f"def available(*case):\n{loop}"}


@fault(scores={"sizing-1": 0}, says={"sizing-1": "TimeoutError"})
def loop_that_nothing_interrupts(_place):
    return {"sizing-1": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass"}


@fault(scores={"sizing-1": 0}, says={"sizing-1": "write what marginlib computes"})
def lets_the_library_answer(_place):
    return {"sizing-1": "from marginlib import initial_margin\nanswer_1 = initial_margin(1)"}


# --- odd notebooks --------------------------------------------------------------------------------------------------


@fault(says={"sizing-1": "stands 2 times"})
def duplicated_answer_cell(_place):
    notebook = whole()
    at = notebook.cells.index(cell_of(notebook, "sizing-1-answer"))
    twin = deepcopy(notebook.cells[at])
    twin.id, twin.source = "twin", cell_of(RELEASE, "sizing-1-answer").source
    notebook.cells.insert(at + 1, twin)
    return notebook


@fault(scores={"sizing-2": 0}, says={"sizing-2": "no answer_2"})
def deleted_answer_cell(_place):
    notebook = whole()
    notebook.cells.remove(cell_of(notebook, "sizing-2-answer"))
    return notebook


@fault(scores={"sizing-2": 0})
def deletes_the_check_of_a_wrong_answer(_place):
    notebook = filled(RELEASE, {**RIGHT, "sizing-2": "answer_2 = 0.5"})
    notebook.cells.remove(cell_of(notebook, "sizing-2-check"))
    return notebook


@fault()
def reordered_cells(_place):
    notebook = whole()
    start = cell_of(notebook, "start")
    notebook.cells = [start, *[cell for cell in reversed(notebook.cells) if cell is not start]]
    return notebook


@fault(says={"sizing-1": "another name"})
def renamed_cells(_place):
    notebook = whole()
    for name in ("sizing-1-answer", "sizing-1-check"):
        cell = cell_of(notebook, name)
        cell.id, cell.metadata = f"my-{name}", {}
    return notebook


@fault(scores={"sizing-2": 0})
def edits_checks_and_points(_place):
    notebook = filled(RELEASE, {**RIGHT, "sizing-2": "answer_2 = 0.5"})
    check = cell_of(notebook, "sizing-2-check")
    check.source, check.metadata.nbgrader.points = "pass", 100
    return notebook


@fault(scores=UNGRADED, status="unreadable", reason="not JSON")
def corrupt_json(_place):
    return content(whole())[:-200]


@fault(scores=UNGRADED, status="not a notebook", reason="zip")
def zip_of_the_wrong_shape(_place):
    return b"PK\x03\x04" + bytes(200)


@fault(scores=UNGRADED, status="not a notebook", reason="format 4")
def json_but_no_notebook(_place):
    return b'{"cells": 3}'


@fault()
def right_with_megabytes_of_outputs(_place):
    notebook = whole()
    picture = nbformat.v4.new_output("display_data", data={"image/png": "A" * (5 << 20)})
    cell_of(notebook, "sizing-1-answer").outputs = [picture]
    return notebook


@fault(scores=UNGRADED, status="too large", reason="3,000,000 values")
def a_list_of_millions(_place):
    return b'{"nbformat": 4, "cells": [' + b"[]," * 2_000_000 + b"[]]}"


@fault(scores=UNGRADED, status="too large", reason="characters without outputs")
def cells_of_megabytes(_place):
    notebook = whole()
    notebook.cells += [nbformat.v4.new_code_cell("x = 1\n" * 16_000) for _ in range(12)]
    return notebook


@fault()
def first_cell_deleted(_place):
    notebook = whole()
    notebook.cells.remove(cell_of(notebook, "start"))
    return notebook


@fault()
def first_cell_moved_to_the_end(_place):
    notebook = whole()
    notebook.cells.append(notebook.cells.pop(notebook.cells.index(cell_of(notebook, "start"))))
    return notebook


@fault()
def first_cell_imports_what_is_not_there(_place):
    notebook = whole()
    start = cell_of(notebook, "start")
    start.source = f"import no_such_package\n{start.source}"
    return notebook


@fault()
def first_cell_with_the_helper_in_it(_place):
    notebook = filled(RELEASE, {**RIGHT, "sizing-1": "answer_1 = notional / given['leverage']"})
    cell_of(
        notebook, "sizing-1-numbers"
    ).source = "given = numbers['sizing-1']\nnotional = given['quantity'] * given['mark']"
    return notebook


@fault()
def asks_for_the_shell(_place):
    return {"sizing-1": f"from IPython import get_ipython\nget_ipython().ast_node_interactivity\n{RIGHT['sizing-1']}"}


@fault()
def right_with_pandas_and_a_picture(_place):
    more = "import pandas as pd\nimport matplotlib.pyplot as plt\npd.DataFrame({'x': [1, 2]}).plot()\nplt.show()"
    return {"sizing-1": f"{RIGHT['sizing-1']}\n{more}"}


@fault(scores={"sizing-1": 0}, says={"sizing-1": "packages are numpy, pandas, scipy, matplotlib; hypothesis"})
def uses_a_package_that_is_not_named(_place):
    return {"sizing-1": f"import hypothesis\n{RIGHT['sizing-1']}"}


# --- texts: whatever may be one reaches whoever reads ----------------------------------------------------------------


@fault()
def text_of_headings(_place):
    return {"sizing-9": "# The same size\n## is the same risk"}


@fault()
def text_in_a_cell_of_its_own(_place):
    notebook = filled(RELEASE, {key: answer for key, answer in RIGHT.items() if key != "sizing-9"})
    at = notebook.cells.index(cell_of(notebook, "sizing-9-answer"))
    notebook.cells.insert(at + 1, nbformat.v4.new_markdown_cell("My own cell says it."))
    return notebook


@fault()
def text_in_a_cell_without_a_name(_place):
    notebook = whole()
    cell = cell_of(notebook, "sizing-9-answer")
    cell.metadata = {}
    plain = json.loads(content(notebook))
    for each in plain["cells"]:
        each.pop("id")
    for each, ours in zip(plain["cells"], notebook.cells, strict=True):
        each["metadata"] = {"nbgrader": {"grade_id": ours.id}} if ours is not cell else {}
    return json.dumps({**plain, "nbformat_minor": 4}).encode()


@fault()
def text_in_the_question(_place):
    notebook = filled(RELEASE, {key: answer for key, answer in RIGHT.items() if key != "sizing-9"})
    cell_of(notebook, "sizing-9-text").source += "\n\nBelow the question it says so."
    return content(notebook)


@fault(scores={"sizing-9": 0})
def no_text_and_no_ids(_place):
    plain = json.loads(content(filled(RELEASE, {key: answer for key, answer in RIGHT.items() if key != "sizing-9"})))
    for each in plain["cells"]:
        each.pop("id")
    return json.dumps({**plain, "nbformat_minor": 4}).encode()


@fault()
def text_in_a_raw_cell(_place):
    notebook = whole()
    cell_of(notebook, "sizing-9-answer").cell_type = "raw"
    return content(notebook)


@fault()
def text_with_a_script_for_whoever_clicks(_place):
    links = "[a](javascript:alert(1)) [b](data:text/html,x) <a href='javascript:1'>c</a> ![d](http://x.example/y.png)"
    return {"sizing-9": f"`x < 1` and $1$\n\n{links}\n\n[e]: javascript:1\n\n    indented\n\n<script>1</script>"}


@fault()
def text_of_brackets(_place):
    return {"sizing-9": "[" * 99_000}


@fault(scores={"sizing-1": 0, "sizing-2": 0})
def blanks_that_slow_a_pattern(_place):
    return dict.fromkeys(("sizing-1", "sizing-2", "sizing-9"), " " * 90000 + "x")


@fault(scores=UNGRADED, status="unreadable", reason="nested")
def deeply_nested_notebook(_place):
    return b'{"nbformat": 4, "cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@fault(scores=UNGRADED, status="a link", reason="link")
def linked_file(_place):  # made a link by the fixture
    return b""


@fault(scores=UNGRADED, status="a link", reason="link")
def linked_folder(_place):  # made a link by the fixture
    return b""


@fault(scores=UNGRADED, status="missing", reason="handed in")
def missing_notebook(_place):  # taken away by the fixture
    return b""


# --- attacks --------------------------------------------------------------------------------------------------------

READER = """
import os, socket
found = []
def tries(name, function):
    try:
        if function():
            found.append(name)
    except BaseException:
        pass
for path in {paths!r}:
    tries(path, lambda: open(path, "rb").read(1))
    tries("list " + path, lambda: {{"pyproject.toml", "untouched", "sizing"}} & set(os.listdir(path)))
tries("environment", lambda: {secret!r} in "".join(os.environ.values()))
def connect():
    with socket.create_connection(("127.0.0.1", {port}), timeout=1):
        return True
tries("network", connect)
answer_1 = ", ".join(found) or "nothing"
"""


@fault(scores={"sizing-1": 0}, returned={"sizing-1": "nothing"})
def reads_whatever_there_is(place):
    submitted = place.course / "submitted"
    paths = [
        *("/etc/shadow", "/etc/passwd", "/proc/self/environ", f"/proc/{place.pid}/environ", str(place.key)),
        *(str(place.canary), str(place.course / "gradebook.db"), str(submitted / "untouched" / SET / f"{SET}.ipynb")),
        *(str(submitted), str(build.ROOT), str(build.ROOT / "marginlib" / "exercises" / "sizing.py")),
        *(str(build.source_path(SET)), str(Path.home() / ".bashrc")),
    ]
    return {"sizing-1": READER.format(paths=paths, secret=SECRET, port=place.port)}


@fault(scores={"sizing-1": 0}, returned={"sizing-1": "nothing"})
def writes_the_gradebook(place):
    database = str(place.course / "gradebook.db")
    attack = f"""
import os, sqlite3
found = []
for path in ({database!r}, {str(place.canary)!r}, "/usr/lib/x", "/grade/worker.py", {str(build.ROOT / "x")!r}):
    try:
        with open(path, "ab") as file:
            file.write(b"x")
        found.append(path)
    except OSError:
        pass
try:
    sqlite3.connect({database!r}).execute("update grade set auto_score = 100")
    found.append("sql")
except sqlite3.Error:
    pass
answer_1 = ", ".join(found) or "nothing"
"""  # noqa: S608 - an attack
    return {"sizing-1": attack}


@fault(scores={"sizing-1": 0}, returned={"sizing-1": "nothing"})
def touches_what_is_shared(_place):
    attack = """
import ctypes, fcntl, json, os
found, library = [], ctypes.CDLL(None, use_errno=True)
library.syscall.argtypes = [ctypes.c_long] * 4
def tries(name, function):
    try:
        function()
        found.append(name)
    except OSError:
        pass
def raw(*words):
    if library.syscall(*words) < 0:
        raise OSError(ctypes.get_errno(), "")
zero, package = os.open("/dev/zero", os.O_RDWR), os.open(json.__file__, os.O_RDONLY)
tries("times", lambda: os.utime("/dev/zero", (1, 1)))
tries("times of a descriptor", lambda: os.utime(zero, (1, 1)))
tries("rights", lambda: os.chmod("/dev/null", 0o600))
tries("rights of a descriptor", lambda: os.fchmod(zero, 0o600))
tries("attribute", lambda: os.setxattr("/dev/zero", "user.note", b"x"))
for name, command in (("lease", 1024), ("notice", 1026), ("lock", 6), ("lock of a description", 37)):
    tries(name, lambda: fcntl.fcntl(package, command, 0))
    tries(name + " with high bits", lambda: raw(72, package, (1 << 32) | command, 0))
tries("flock", lambda: fcntl.flock(package, fcntl.LOCK_SH))
tries("watch", lambda: raw(253, 0, 0, 0))
tries("watch", lambda: raw(294, 0, 0, 0))
answer_1 = ", ".join(found) or "nothing"
"""
    return {"sizing-1": attack}


@fault(scores={"sizing-2": 0})
def strips_assertions(_place):
    hook = "import ast, builtins\nold = builtins.compile\nbuiltins.compile = lambda *a, **k: old('pass', '<x>', 'exec')"
    return {"sizing-2": f"{hook}\nanswer_2 = 0.5\nbuiltins.compile = old"}


@fault(scores={"sizing-1": 0, "sizing-3": 0})
def equal_to_everything(_place):
    anything = (
        "class Any(float):\n    __eq__ = lambda *_: True\n    __ne__ = lambda *_: False\n"
        "    __lt__ = __gt__ = __le__ = __ge__ = __eq__\n    __hash__ = lambda *_: 0\n"
        "    __sub__ = __rsub__ = __abs__ = lambda self, *_: self\n"
    )
    return {"sizing-1": f"{anything}answer_1 = Any(1)", "sizing-3": f"{anything}def available(*case): return Any(1)"}


@fault(scores={"sizing-2": 0})
def patches_the_grader(_place):
    patch = (
        "import sys, json, builtins\nfor module in list(sys.modules.values()):\n"
        "    for name in ('collect', 'same', 'judge', 'grade'):\n"
        "        if hasattr(module, name) and module is not sys.modules['__main__']:\n"
        "            setattr(module, name, lambda *a, **k: [{'kind': 'truth', 'value': True}])\n"
        "import marginlib.course.tasks as e\ne.check = lambda *a: True\n"
    )
    return {"sizing-2": f"answer_2 = 0.5\n{patch}"}


@fault(scores={"sizing-1": 0})
def pickle_that_runs_code(place):
    attack = (
        "import pickle, os\nclass Evil:\n    def __reduce__(self):\n"
        f"        return (os.system, ('touch {place.canary}.pickled',))\nanswer_1 = Evil()\n"
        "open('/tmp/results.pkl', 'wb').write(pickle.dumps(Evil()))"
    )
    return {"sizing-1": attack}


@fault()
def kills_its_parent(_place):
    kill = "    try:\n        os.kill(pid, 9)\n    except OSError:\n        pass"
    return {"sizing-1": f"{RIGHT['sizing-1']}\nimport os\nfor pid in (os.getppid(), 1, -1):\n{kill}"}


@fault(scores={"sizing-1": 0}, says={"sizing-1": "ended its own process"})
def ends_its_own_process(_place):
    return {"sizing-1": "import os\nos._exit(0)"}


@fault()
def calls_exit_after_a_right_answer(_place):
    return {"sizing-1": RIGHT["sizing-1"] + "\nimport sys\nsys.exit(3)"}


@fault(scores={"sizing-1": 0}, returned={"sizing-1": "no process"})
def leaves_a_background_process(_place):
    attack = (
        "import subprocess, os, threading, time\n"
        "try:\n    threading.Thread(target=lambda: time.sleep(3600), daemon=False).start()\n"
        "except RuntimeError:\n    pass\n"
        "try:\n    subprocess.Popen(['/bin/sleep', '3600'])\n    answer_1 = 'started'\n"
        "except OSError:\n    answer_1 = 'no process'"
    )
    return {"sizing-1": attack}


@fault(scores={"sizing-1": 0}, says={"sizing-1": "MemoryError"})
def three_gigabytes_of_memory(_place):
    return {"sizing-1": "answer_1 = len(bytearray(3 * 10**9))"}


@fault(scores={"sizing-1": 0}, says={"sizing-1": "OSError"})
def a_gigabyte_on_the_disk(_place):
    block = "with open('big', 'wb') as file:\n    for _ in range(1000):\n        file.write(bytes(10**6))\nanswer_1 = 1"
    return {"sizing-1": block}


@fault(scores={"sizing-1": 0}, returned={"sizing-1": 0.0})
def two_hundred_processes(_place):
    fork = "    try:\n        if os.fork() == 0:\n            while True: pass\n        answer_1 += 1\n"
    return {"sizing-1": f"import os\nanswer_1 = 0\nfor _ in range(200):\n{fork}    except OSError:\n        pass"}


@fault()
def prints_a_hundred_megabytes(_place):
    return {"sizing-1": RIGHT["sizing-1"] + "\nfor _ in range(100):\n    print('x' * 10**6)"}


@fault(scores={"sizing-3": 0})
def carries_hidden_cases_out(_place):
    spy = "seen = []\ndef available(*case):\n    seen.append(case)\n    raise ValueError(seen)"
    later = RIGHT["sizing-5"] + "\nraise ValueError(seen, globals().get('In'))"
    return {"sizing-3": spy, "sizing-5": later}


@fault(scores={"sizing-1": 0})
def writes_the_worker_s_lines(_place):
    forge = (
        "import os, json\n"
        "line = json.dumps({'open': 'sizing-1', 'outcomes': [{'kind': 'number', 'value': 1.0}]}).encode() + b'\\n'\n"
        "for descriptor in range(64):\n    try:\n        os.write(descriptor, line * 3)\n"
        "    except OSError:\n        pass\n"
        "for path in ('/proc/1/fd/1', '/proc/2/fd/1', '/proc/self/fd/1'):\n    try:\n"
        "        open(path, 'wb').write(line)\n    except OSError:\n        pass\nanswer_1 = 1.0"
    )
    return {"sizing-1": forge}


@fault(scores={"sizing-1": 0}, returned={"sizing-1": "alone"})
def leaves_and_looks_for_files_of_others(_place):
    look = (
        "import os\nfound = [n for n in os.listdir('/tmp')] + [n for n in os.listdir('.')]\n"
        "open('/tmp/note', 'w').write('a message')\nanswer_1 = ', '.join(found) or 'alone'"
    )
    return {"sizing-1": look}


@fault(scores={"sizing-1": 0}, returned={"sizing-1": "alone"})
def looks_for_files_of_others_again(place):
    return leaves_and_looks_for_files_of_others(place)


@fault(scores={"sizing-1": 0})
def never_ends_being_described(_place):
    return {"sizing-1": "class Loop(float):\n    def __float__(self):\n        while True: pass\nanswer_1 = Loop(3)"}


@fault(scores={"sizing-1": 0, "sizing-2": 0})  # other tasks have the same answer for two students now and then
def copied_from_right_as_the_model(place):
    key = read_key(place.key)
    answers = {}
    for name in ("sizing-1", "sizing-2"):
        asked = task(name)
        answers[name] = f"{asked.answer} = {asked.solve(**given(asked, ticket(SET, 'right_as_the_model', key)))!r}"
    return answers


@fault(scores={"sizing-1": 0, "sizing-2": 0})
def has_the_numbers_of_self_study(_place):
    numbers = {name: given(task(name), ticket(SET)) for name in ("sizing-1", "sizing-2")}
    return {name: f"{task(name).answer} = {task(name).solve(**each)!r}" for name, each in numbers.items()}


# --- the class is graded once ---------------------------------------------------------------------------------------


@dataclass
class Graded:
    """What the batch left behind."""

    place: Place
    results: dict[str, Result]
    gradebook: dict[str, dict[str, tuple[float | None, bool]]]
    comments: dict[str, str]
    connections: list[object]
    before: set[int]
    log: str


def hand_in_all(place: Place) -> None:
    """Put every submission where collected ones stand, with the links that only a file system can hold."""
    for student, each in FAULTS.items():
        hand_in(place.course, student, SET, each.make(place))
    submitted = place.course / "submitted"
    (submitted / "linked_file" / SET / f"{SET}.ipynb").unlink()
    (submitted / "linked_file" / SET / f"{SET}.ipynb").symlink_to(
        submitted / "right_as_the_model" / SET / f"{SET}.ipynb"
    )
    (submitted / "linked_file" / SET / "secret.txt").symlink_to(place.canary)
    shutil.rmtree(submitted / "linked_folder" / SET)
    (submitted / "linked_folder" / SET).symlink_to(submitted / "right_as_the_model" / SET)
    (submitted / "missing_notebook" / SET / f"{SET}.ipynb").unlink()


@pytest.fixture(scope="module")
def graded(released_course, tmp_path_factory):
    """The whole class, graded by jobs on four processes, which mostly wait, and then by nbgrader."""
    home = tmp_path_factory.mktemp("term")
    course, key = copied(released_course, home)
    canary = home / "canary"
    canary.write_text("untouched")
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[object] = []
    threading.Thread(target=_listen, args=(listener, connections), daemon=True).start()
    place = Place(course, key, canary, listener.getsockname()[1], os.getpid())
    hand_in_all(place)
    before = {process.pid for process in psutil.process_iter()}
    words = [sys.executable, "-m", "marginlib", "grade", "run", str(course), SET, "--key", str(key), "--processes", "4"]
    hostile = {**os.environ, "A_SECRET": SECRET}
    ran = subprocess.run(words, env=hostile, capture_output=True, text=True, check=False)  # noqa: S603
    assert ran.returncode == 0, ran.stderr
    log = nbgrader(course, key, "autograde", SET)
    listener.close()
    found = {result.student: result for result in results(course / "results" / SET)}
    gradebook, comments = _gradebook(course)
    return Graded(place, found, gradebook, comments, connections, before, log)


def _listen(listener: socket.socket, connections: list[object]) -> None:
    while True:
        try:
            connections.append(listener.accept())
        except OSError:
            return


def _gradebook(course: Path) -> tuple[dict, dict]:
    scores, comments = {}, {}
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        for submission in book.assignment_submissions(SET):
            (notebook,) = submission.notebooks
            scores[submission.student.id] = {
                grade.cell.name.rpartition("-")[0]: (grade.auto_score, grade.needs_manual_grade)
                for grade in notebook.grades
            }
            comments[submission.student.id] = " ".join(each.auto_comment or "" for each in notebook.comments)
    return scores, comments


each_fault = pytest.mark.parametrize("name", FAULTS)


@each_fault
def test_the_score_is_fair(graded, name):
    fair, result = FAULTS[name], graded.results[name]
    assert (result.status, {each.task: each.score for each in result.tasks}) == (fair.status, {**FULL, **fair.scores})
    assert fair.reason in result.reason
    told = {each.task: each for each in result.tasks}
    for task_id, words in fair.says.items():
        assert words in str((told[task_id].parts, told[task_id].notes))
    for task_id, value in fair.returned.items():
        assert told[task_id].returned[0]["value"] == value


@each_fault
def test_the_gradebook_says_the_same(graded, name):
    if name == "missing_notebook":  # nbgrader passes over it; `marginlib grade status` tells
        assert name not in graded.gradebook
        return
    scores = {task_id: score for task_id, (score, _) in graded.gradebook[name].items()}
    assert scores == {**FULL, **FAULTS[name].scores}
    for task_id, (score, waits) in graded.gradebook[name].items():
        assert waits == (score is None), task_id
    if FAULTS[name].status != "graded":
        assert FAULTS[name].status in graded.comments[name]


def test_a_copied_sheet_is_told_with_the_name_of_whom_it_was_made_for(graded):
    (match,) = graded.results["copied_from_right_as_the_model"].matches
    assert (match.student, match.tasks) == ("right_as_the_model", ("sizing-1", "sizing-2"))
    others = {name for name, result in graded.results.items() if result.matches}
    assert others == {"copied_from_right_as_the_model", "has_the_numbers_of_self_study"}
    (match,) = graded.results["has_the_numbers_of_self_study"].matches
    assert "ticket was not there" in match.student


class Opened(HTMLParser):
    """What a browser would load, or follow on a click."""

    def __init__(self):
        super().__init__()
        self.links = []

    def handle_starttag(self, _tag, attributes):
        self.links += [value for name, value in attributes if name in {"href", "src", "action", "srcset"}]


def test_nothing_that_a_student_wrote_is_a_link_a_picture_or_a_script(graded):
    name = "text_with_a_script_for_whoever_clicks"
    nbgrader(graded.place.course, graded.place.key, "generate_feedback", SET, "--student", name)
    page = (graded.place.course / "feedback" / name / SET / f"{SET}.html").read_text(encoding="utf-8")
    seen = Opened()
    seen.feed(page)
    assert {link.partition(":")[0] for link in seen.links if ":" in link} <= {"http", "https", "mailto"}
    assert not [link for link in seen.links if "x.example" in link]
    assert "<script>1" not in page
    assert "x.example" in page  # it is shown
    assert "&amp;#" not in page  # and escaped once
    assert "waits for a person" in page
    assert "0.0 / 3.0" not in page.partition("Written response")[2][:80]


def test_a_text_reaches_whoever_reads_it_wherever_it_stands(graded):
    for name, words in (
        ("text_of_headings", "is the same risk"),
        ("text_in_a_cell_of_its_own", "My own cell says it."),
        ("text_in_a_cell_without_a_name", TEXT),
        ("text_in_a_raw_cell", TEXT),
        ("text_in_the_question", "Below the question it says so."),
    ):
        path = graded.place.course / "autograded" / name / SET / f"{SET}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        assert words in cell_of(notebook, "sizing-9-answer").source, name


def test_whoever_reads_sees_the_numbers_and_a_sample_with_them(graded):
    name = "right_as_the_model"
    notebook = nbformat.read(graded.place.course / "autograded" / name / SET / f"{SET}.ipynb", as_version=4)
    for each in ("sizing-1", "sizing-4"):
        mine = given(task(each), ticket(SET, name, read_key(graded.place.key)))
        (output,) = cell_of(notebook, f"{each}-numbers").outputs
        for key, value in mine.items():
            assert f"{key} = {value!r}" in output["data"]["text/plain"]


def test_hidden_cases_stay_hidden(graded):
    from marginlib.practice.tasks.numbering import grading_cases  # noqa: PLC0415 - the only use

    name = "carries_hidden_cases_out"
    hidden = grading_cases(task("sizing-3"), name, read_key(graded.place.key))
    told = json.dumps(asdict(graded.results[name])["tasks"])
    page = (graded.place.course / "autograded" / name / SET / f"{SET}.ipynb").read_text()
    for case in hidden:
        assert repr(case["wallet"]) not in told or repr(case["entry"]) not in told
        assert repr(case["wallet"]) not in page or repr(case["entry"]) not in page


def test_nothing_else_on_the_machine_is_touched(graded):
    assert graded.place.canary.read_text() == "untouched"
    assert [path.name for path in graded.place.canary.parent.glob("canary*")] == ["canary"]
    assert graded.connections == []
    assert not list((graded.place.course / "autograded").rglob("secret.txt"))
    left = [process for process in psutil.process_iter(["cmdline"]) if process.pid not in graded.before]
    assert [process for process in left if process.info["cmdline"] == ["/bin/sleep", "3600"]] == []


def test_the_listener_can_be_reached_from_outside_the_sandbox():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        socket.create_connection(listener.getsockname(), timeout=1).close()


def test_no_output_of_students_is_kept(graded):
    for name in ("prints_a_hundred_megabytes", "right_with_a_debug_print"):
        path = graded.place.course / "autograded" / name / SET / f"{SET}.ipynb"
        assert path.stat().st_size < 60_000


def test_all_are_there(graded):
    assert set(graded.results) == set(FAULTS)
    assert len(FAULTS) >= 45
