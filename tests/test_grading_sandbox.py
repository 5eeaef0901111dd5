"""A student's code behind walls: whatever it does, it costs its own task alone, and nobody else's or the machine's."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
from pathlib import Path

import pytest

from marginlib.course.tasks import SETS
from marginlib.grading import sandbox as module
from marginlib.grading.sandbox import AS_ROOT, AS_ROOT_STATED, STATED, STATEMENT, Limits, Sandbox, SandboxError

ROOT = Path(__file__).resolve().parents[1]
LIMITS = Limits(step=1, call=0.5, total=25)
SECRET = "a word of the teacher's"  # noqa: S105
NO_BWRAP = "no bubblewrap: install it (Debian: apt-get install bubblewrap)"

# A student who knows the worker finds the socket to the teacher's side.
FIND = """
import json, os
def found():
    for number in range(3, 64):
        try:
            os.fstat(number)
        except OSError:
            continue
        return number
line = lambda **said: os.write(found(), json.dumps(said).encode() + b"\\n")
"""
# Catches whatever is raised to stop it.
DEAF = """
    while True:
        try:
            while True: pass
        except BaseException: pass
"""


@pytest.fixture(scope="session", autouse=True)
def _bubblewrap():
    if shutil.which("bwrap") is None:
        if os.environ.get("CI"):
            pytest.fail(NO_BWRAP)
        pytest.skip(NO_BWRAP)


@pytest.fixture(scope="session")
def sandbox():
    os.environ["MARGINLIB_SECRET"] = SECRET
    with Sandbox(LIMITS) as started:
        yield started
    del os.environ["MARGINLIB_SECRET"]


@pytest.fixture(scope="session")
def unhurried():
    """A sandbox with the limits of real grading: what takes most of a second must not be timed by a busy machine."""
    with Sandbox() as started:
        yield started


def cell(source, name="mine"):
    return {"run": name, "source": source}


def value(name="d"):
    return {"check": name, "name": name, "cases": None}


def function(name, *cases):
    return {"check": name, "name": name, "cases": [{"x": case} for case in cases]}


def hidden(*tasks, cases=(7, 8)):
    return {task: [{"x": case} for case in cases] for task in tasks}


def number(amount):
    return {"kind": "number", "value": float(amount)}


def run(sandbox, *steps, asked=None):
    return sandbox.run({"numbers": {"sizing-1": {"price": 300}}, "steps": steps}, asked or {})


def outcome(sandbox, source):
    """Return what `d` is after a cell."""
    reply = run(sandbox, cell(source), value())
    assert reply.status == "ran", reply.reason
    return reply.open["d"][0]


def plain(sandbox, source):
    """Return `d` after a cell, as plain Python; it has to be there."""
    return unpacked(outcome(sandbox, source))


def unpacked(said):
    if said["kind"] == "list":
        return [unpacked(each) for each in said["value"]]
    return said["value"]


# --- right answers --------------------------------------------------------------------------------------------------


def test_values_and_functions_come_back_as_plain_json(sandbox):
    steps = [cell("answer = 2 * 300\ndef double(x): return 2 * x"), value("answer"), function("double", 1, 2)]
    reply = run(sandbox, *steps, asked=hidden("double"))
    assert (reply.status, reply.reason) == ("ran", "")
    assert reply.steps["mine"]["state"] == "ran"
    assert reply.open == {"answer": [number(600)], "double": [number(2), number(4)]}
    assert reply.hidden == {"double": [number(14), number(16)]}


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("d = 600", "number"),
        ("import numpy as np; d = np.float32(600)", "number"),
        ("from decimal import Decimal; d = Decimal('600')", "number"),
        ("d = float('nan')", "nan"),
        ("d = 10 ** 100_000", "nan"),
        ("d = None", "none"),
        ("d = ...", "stub"),
        ("d = True", "truth"),
        ("d = 'long'", "text"),
        ("d = (1, 'a')", "list"),
        ("import numpy as np; d = np.arange(3)", "list"),
        ("d = {'a': 1}", "dict"),
        ("d = len", "function"),
        ("d = (n for n in range(3))", "other"),
        ("d = object()", "other"),
        ("d = [[1] * 200] * 9", "other"),
        ("e = 1", "missing"),
    ],
)
def test_each_kind_of_value_has_its_name(sandbox, source, kind):
    assert outcome(sandbox, source)["kind"] == kind


def test_errors_tell_the_students_own_line(sandbox):
    source = "d = 1\ndef f(x):\n    return x / 0  # mine\n"
    steps = [cell(source), function("f", 1), cell("d = f(1)\n", "calls"), cell("%%time\nd = 2\nd / 0", "magic")]
    reply = run(sandbox, *steps, cell("if d\n    1", "typo"), value())
    assert reply.open["f"][0] == {
        "kind": "error", "type": "ZeroDivisionError", "value": "division by zero",
        "line": "return x / 0  # mine", "number": 3,
    }  # fmt: skip
    assert (reply.steps["calls"]["line"], reply.steps["calls"]["number"]) == ("d = f(1)", 1)
    assert (reply.steps["magic"]["line"], reply.steps["magic"]["number"]) == ("d / 0", 3)
    assert reply.steps["typo"]["type"] == "SyntaxError"
    assert reply.open["d"] == [number(2)], "what stood before the error is there"


def test_names_are_as_they_were_when_the_task_was_looked_at(sandbox):
    steps = [cell("fee = 1\ndef f(x): return x + fee"), function("f", 1), cell("fee = 100", "later")]
    reply = run(sandbox, *steps, asked=hidden("f"))
    assert (reply.open["f"], reply.hidden["f"]) == ([number(2)], [number(8), number(9)])


def test_one_call_changes_nothing_for_the_next(sandbox):
    steps = [cell("n = 0\ndef f(x):\n    global n\n    n += 1\n    return n"), function("f", 1)]
    assert run(sandbox, *steps, asked=hidden("f")).hidden["f"] == [number(1), number(1)]


# --- a notebook's surroundings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", ["course", "exercises"])  # sheets handed out before the move say "exercises"
def test_the_stand_in_gives_the_numbers_and_no_answer(sandbox, room):
    source = (
        f"from marginlib.{room} import check, finish, start"
        """
numbers = start("sizing", "ben", ticket="0" * 64)
numbers["sizing-1"]["price"] += 1
again = start("sizing")
shown = check("sizing-1", 1)
d = [numbers["sizing-1"]["price"], again["sizing-1"]["price"], repr(shown), shown.right is None, repr(finish("sizing"))]
"""
    )
    assert plain(sandbox, source) == [301, 300, "graded later", True, "graded later"]


@pytest.mark.parametrize(
    "line",
    [
        "from marginlib import liquidation_prices",
        "import marginlib.liquidation",
        "import marginlib; marginlib.Position",
        "from marginlib.practice.tasks.judging import judge",
        "from marginlib.exercises.sets import sizing",
        "import importlib; importlib.import_module('marginlib.margin')",
    ],
)
def test_every_answer_of_the_library_is_refused_in_words(sandbox, line):
    told = run(sandbox, cell(line)).steps["mine"]
    assert told["type"] == "ImportError"
    assert "is not there while your answer is graded" in told["value"]


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline\n!ls\nx = !ls\n%load_ext autoreload\nd = 7",
        "%%time\nd = 7",
        "%time d = 7",
        "display('x'); get_ipython().run_line_magic('matplotlib', 'inline'); d = 7",
        "from IPython.display import Markdown, display\ndisplay(Markdown('x'))\nd = 7",
        "import warnings; warnings.warn('x'); d = 7",
        "help(len); d = 7",
        "import matplotlib.pyplot as plt; plt.plot([1]); plt.show(); d = 7",
        "import pandas as pd; d = pd.Series([3, 4]).sum()",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\nd = A(7).x",
        "def f(x: int): pass\nd = 7 if f.__annotations__ == {'x': int} else 'of another grammar'",
        "print('x' * 100_000_000); import os; os.write(1, b'x'); d = 7",
    ],
)
def test_what_a_notebook_may_do_does_no_harm(unhurried, source):
    assert plain(unhurried, source) == 7


def test_cells_of_other_languages_are_left_alone(sandbox):
    reply = run(sandbox, cell("%%html\n<b>x</b>"), cell("%%bash\nrm -rf /", "shell"))
    assert [told["state"] for told in reply.steps.values()] == ["ran", "ran"]


def test_nobody_waits_for_input(sandbox):
    told = run(sandbox, cell("name = input('Your name? ')")).steps["mine"]
    assert (told["type"], told["seconds"] < 1) == ("EOFError", True)


# --- what does not end, and what ends too much ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("while True: pass", "time"),
        ("import time; time.sleep(99)", "time"),
        ("import re; re.match(r'(a+)+$', 'a' * 60 + 'b')", "time"),
        ("10 ** 10 ** 8", "time"),
        (f"if True:{DEAF}", "time"),
        ("import itertools; sum(itertools.repeat(0))", "time"),
        ("import signal; signal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass", "time"),
        ("class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E", "died"),
        ("x = bytearray(3 << 30)", "memory"),
        ("import numpy as np; x = [np.empty(1 << 26, np.uint8) for _ in range(48)]", "memory"),
        ("def f(): f()\nf()", "error"),
        ("import os; os._exit(0)", "died"),
        ("import os; os.abort()", "died"),
        ("import ctypes; ctypes.string_at(0)", "died"),
        ("exit()", "error"),
        ("raise KeyboardInterrupt", "error"),
        ("import os, signal; os.kill(os.getppid(), signal.SIGKILL)", "error"),
        ("import os, signal; os.kill(-1, signal.SIGKILL)", "error"),
    ],
)
def test_a_bad_cell_costs_its_own_task_and_no_other(sandbox, source, state):
    steps = [cell("a = 1", "first"), value("a"), cell(source, "bad"), value("b"), cell("c = 3", "last"), value("c")]
    start = time.monotonic()
    reply = run(sandbox, *steps)
    assert time.monotonic() - start < 2 * LIMITS.step + 4
    assert (reply.status, reply.steps["bad"]["state"]) == ("ran", state)
    assert reply.open == {"a": [number(1)], "b": [{"kind": "missing"}], "c": [number(3)]}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("\n    while True: pass", "TimeoutError"),
        (DEAF, "TimeoutError"),
        (" return sum(__import__('itertools').repeat(0))", "TimeoutError"),
        (" return bytearray(3 << 30)", "MemoryError"),
        (" __import__('os')._exit(0)", "SystemExit"),
        (" raise SystemExit", "SystemExit"),
    ],
)
@pytest.mark.parametrize("where", ["open", "hidden"])
def test_a_bad_function_costs_its_own_task_and_no_other(sandbox, body, kind, where):
    guard = "\n    if x < 7: return 0" if where == "hidden" else ""
    indented = body if body.startswith("\n") else f"\n   {body}"
    steps = [cell(f"def good(x): return x\ndef bad(x):{guard}{indented}\nlate = lambda x: -x")]
    steps += [function(name, 1, 2) for name in ("good", "bad", "late")]
    start = time.monotonic()
    reply = run(sandbox, *steps, asked=hidden("good", "bad", "late", cases=range(7, 27)))
    assert time.monotonic() - start < 3 * LIMITS.call + 5
    assert reply.status == "ran"
    assert [each["type"] for each in getattr(reply, where)["bad"]] == [kind] * (2 if where == "open" else 20)
    assert {len(found) for found in reply.hidden.values()} == {20}
    assert (reply.open["good"], reply.open["late"]) == ([number(1), number(2)], [number(-1), number(-2)])
    assert (reply.hidden["good"][0], reply.hidden["late"][-1]) == (number(7), number(-26))


def test_a_submission_that_only_ends_itself_is_given_up_with_a_reason(sandbox):
    steps = [cell("import os; os._exit(0)", f"bad {n}") for n in range(LIMITS.lost + 1)]
    reply = run(sandbox, cell("a = 1", "first"), value("a"), *steps, cell("f = abs", "last"), function("f", 1))
    assert (reply.status, reply.open["a"]) == ("died", [number(1)])
    assert reply.reason == "more than 12 of its cells and calls had to be left out"
    assert "f" not in reply.open, "not looked at is not the same as missing"


def test_a_submission_has_an_end():
    with Sandbox(Limits(step=0.3, call=0.3, total=1)) as hasty:
        start = time.monotonic()
        reply = run(hasty, *[cell("while True: pass", f"bad {n}") for n in range(9)], value("a"))
        assert time.monotonic() - start < 3
        assert (reply.status, reply.reason) == ("time", "it ran longer than 1 seconds in all")
        assert reply.open == {}
        assert outcome(hasty, "d = 1") == number(1)


# --- hostile values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("class A:\n    def __eq__(self, o): return True\n    __hash__ = object.__hash__\nd = A()", {"other"}),
        ("class A:\n    __class__ = property(lambda s: float)\nd = A()", {"error", "other"}),
        ("class A(float):\n    def __float__(self): raise SystemExit\nd = A(1)", {"error"}),
        ("class A(str):\n    def __str__(self):\n        while True: pass\nd = A('x')", {"error"}),
        ("class A:\n    def __repr__(self): return 'x' * 10 ** 8\nd = A()", {"other"}),
        ("class A:\n    def tolist(self): return self\nd = A()", {"other", "error"}),
        ("class A(dict):\n    def items(self):\n        while True: yield 1, 2\nd = A()", {"error"}),
        ("d = []\nd.append(d)", {"list"}),
        ("d = 10 ** 5 * [10 ** 5 * [0]]", {"other"}),
        ("d = '\\ud800\\x00\\x1b[2J\\u202e'", {"text"}),
        ("class A(str):\n    def __getitem__(self, k): return {'kind': 'number', 'value': 600}\nd = A('x')", {"text"}),
        ("class M(type):\n    __name__ = property(lambda s: 1 / 0)\nclass A(metaclass=M): pass\nd = A()", {"error"}),
    ],
)
def test_hostile_values_are_described_and_nothing_more(sandbox, source, kinds):
    said = outcome(sandbox, source)
    assert said["kind"] in kinds
    text = json.dumps(said, ensure_ascii=False)
    assert len(text) < 50_000
    assert text.encode()  # any file can hold it
    assert all(letter.isprintable() for letter in text)


@pytest.mark.parametrize(
    "forged",
    [
        "b'not json'",
        "b'\\xff\\xfe'",
        "b'null'",
        "b'[' * 100_000",
        "b'\"' + b'x' * (2 << 20)",
        """b'{"came": {"state": "ran", "seconds": 1' + b'0' * 400 + b'}}'""",
        """b'{"came": {"state": "ran", "seconds": NaN}}'""",
        """b'{"came": {"state": "ran", "seconds": -1e999}}'""",
        """b'{"came": {"state": "ran", "seconds": true}}'""",
        """b'{"came": {"state": "right", "seconds": 0}}'""",
        """b'{"came": {"state": "ran", "seconds": 0, "type": ["x"]}}'""",
        """b'{"came": [{"kind": "number", "value": 600}]}'""",
        """b'{"at": -1}'""",
        """b'{"at": 0}'""",
        """b'{"at": true}'""",
        """b'{"at": 99}'""",
        """b'{"case": 0}'""",
        """b'{"ready": true}'""",
        """b'{"end": true}'""",
        """b'{"broken": "by me"}'""",
    ],
)
def test_forged_lines_cost_the_cell_that_sent_them(sandbox, forged):
    steps = [cell(f"{FIND}os.write(found(), {forged} + b'\\n')\nd = 5"), value(), cell("e = 6", "next"), value("e")]
    reply = run(sandbox, *steps)
    assert (reply.status, reply.steps["mine"]["state"]) == ("ran", "died")
    assert reply.open == {"d": [{"kind": "missing"}], "e": [number(6)]}


def test_forged_answers_count_for_nobody_else(sandbox):
    forged = 'line(came=dict(state="ran", seconds=0)); line(at=1); line(came=[dict(kind="number", value=600)])'
    more = "line(ready=True); line(end=True); os._exit(0)"
    first = run(sandbox, cell(f"{FIND}{forged}; {more}"), value())
    second = run(sandbox, cell("d = 1"), value())
    assert (first.open["d"], second.open["d"]) == ([number(600)], [number(1)])


# --- hidden cases ---------------------------------------------------------------------------------------------------

TELLTALE = 4242.5
LEAKS = {
    "raised later": "def f(x):\n    seen.append(x)\n    raise ValueError(seen)",
    "asked for early": """def f(x): return 0
line(came=dict(state="ran", seconds=0)); line(at=1); line(came=[dict(kind="none")]); line(ready=True)
told = os.read(found(), 99_999).decode()
line(at=0); line(came=dict(state="error", type=told, value=told, line=told, number=1, seconds=0))
""",
    "told as a check": """def f(x):
    if x == 4242.5: line(came=[dict(kind="text", value=str(x))])
    return 0""",
    "told as a reason": """def f(x):
    if x == 4242.5: line(broken=str(x)); os._exit(0)
    return 0""",
    "left in a file": """for place in ("/tmp", "/dev/shm", "/dev", "/var/tmp", "."):
    try: seen += [open(f"{place}/left").read()]
    except OSError: pass
def f(x):
    for place in ("/tmp", "/dev/shm", "/dev", "/var/tmp", "."):
        try: open(f"{place}/left", "w").write(str(x))
        except OSError: pass
    if x == 4242.5: os._exit(0)
    return str(seen)""",
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_hidden_cases_are_in_nothing_that_is_shown(sandbox, leak):
    steps = [cell(f"{FIND}\nseen = []\n{leak}"), function("f", 1), cell("d = seen", "after"), value()]
    reply = run(sandbox, *steps, asked={"f": [{"x": TELLTALE}, {"x": TELLTALE + 1}]})
    assert "4242.5" not in json.dumps([reply.steps, reply.open, reply.reason])


# --- the walls ------------------------------------------------------------------------------------------------------


def test_no_file_of_the_host_can_be_read(sandbox, tmp_path):
    (tmp_path / "gradebook.db").write_text(SECRET)
    control = [tmp_path / "gradebook.db", Path("/etc/passwd"), ROOT / "marginlib" / "liquidation.py"]
    assert all(path.read_text() for path in control)
    wanted = [*control, "/etc/shadow", "/proc/self/environ", "/proc/1/environ", "/sys/kernel", Path.home(), ROOT]
    source = f"""
import os
def reads(path):
    try: os.listdir(path) if os.path.isdir(path) else open(path).read()
    except OSError: return False
    return True
d = [path for path in {[str(path) for path in wanted]} if reads(path)]
"""
    # Folders on the way to the interpreter are there, with nothing else in them.
    ways = [path for path in wanted if Path(sys.base_prefix).resolve().is_relative_to(path)]
    assert set(plain(sandbox, source)) <= {str(path) for path in ways}


def test_nothing_that_holds_answers_or_can_be_written_is_anywhere():
    source = f"""
import os
d = []
for folder, folders, files in os.walk("/"):
    if os.access(folder, os.W_OK): d.append(folder)
    if {SETS[0]!r} + ".py" in files or {SETS[0]!r} + ".ipynb" in files or "liquidation.py" in files: d.append(folder)
    if os.path.basename(folder) == "marginlib" and folders + files: d.append(folder)
"""
    with Sandbox(Limits(step=60, call=5)) as patient:
        assert plain(patient, source) == ["/tmp"]  # noqa: S108


def test_an_installed_marginlib_is_a_hole(monkeypatch, tmp_path):
    for name in ("marginlib", "marginlib-1.0.dist-info", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "answers.py").write_text("ANSWER = 600")
    monkeypatch.setattr(module.sysconfig, "get_path", lambda _name: str(tmp_path))
    source = """
import os, sys
place = next(each for each in sys.path if os.path.isdir(each + "/other"))
d = [os.listdir(f"{place}/{name}") for name in ("marginlib", "marginlib-1.0.dist-info", "other")]
"""
    with Sandbox(LIMITS) as installed:
        assert plain(installed, source) == [[], [], ["answers.py"]]


def test_the_extra_for_grading_brings_what_students_may_use(monkeypatch):
    monkeypatch.delenv(module.PACKAGES, raising=False)
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {f"marginlib[{name}]": lines for name, lines in told["optional-dependencies"].items()}
    asked = [*told["dependencies"], "marginlib[grade]"]
    for each in asked:  # it grows by what an extra asks for
        asked += extras.get(each, ())
    brought = {re.split(r"[\W]", each)[0] for each in asked}
    assert set(re.findall(r"\w+", module.packages())) <= brought


def test_nothing_of_the_teachers_surroundings_is_there(sandbox):
    assert os.environ["MARGINLIB_SECRET"] == SECRET
    names = plain(sandbox, "import os; d = sorted(os.environ) + [os.getcwd(), os.uname().nodename]")
    assert "MARGINLIB_SECRET" not in names
    assert names[-2:] == ["/tmp", "grade"]  # noqa: S108
    assert SECRET not in plain(sandbox, "import sys; d = str(sys.argv) + str(sys.path)")


def test_no_connection_leaves(sandbox):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            pass
        outside = Path("/proc/self/ns/net").readlink()
        inside = _processes(sandbox) - {sandbox._server.pid}  # noqa: SLF001
        assert outside not in {Path(f"/proc/{process}/ns/net").readlink() for process in inside}
        source = f"""
import socket
try: socket.create_connection(("127.0.0.1", {port}), 1); d = "through"
except OSError as e: d = type(e).__name__
"""
        assert plain(sandbox, source) == "PermissionError"


def test_no_process_and_no_thread_starts(sandbox):
    source = """
import _thread, multiprocessing, os, subprocess, sys
tries = [os.fork, lambda: os.posix_spawn("/bin/true", ["true"], {}), lambda: subprocess.run([sys.executable, "-V"]),
         lambda: multiprocessing.Process(target=print).start(), lambda: _thread.start_new_thread(print, ()),
         lambda: os.execv(sys.executable, ["python"])]
d = []
for each in tries * 40:
    try: each(); d.append("started")
    except (OSError, RuntimeError) as e: pass
"""
    before = _processes(sandbox)
    assert plain(sandbox, source) == []
    assert _processes(sandbox) == before


def _processes(sandbox):
    """Return the processes below a sandbox's own."""
    found, parents = {sandbox._server.pid}, {}  # noqa: SLF001 - to look at it from outside
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    for _ in range(len(parents)):
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more
    return found


def test_the_kernels_doors_are_shut(sandbox):
    seccomp = pytest.importorskip("pyseccomp")
    names = ["ptrace", "mount", "unshare", "setns", "keyctl", "bpf", "perf_event_open", "userfaultfd", "memfd_create"]
    names += ["process_vm_readv", "io_uring_setup", "shmget", "socket", "socketpair", "clone", "open_by_handle_at"]
    numbers = [seccomp.resolve_syscall(seccomp.system_arch(), name) for name in names]
    source = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def refused(number):
    return libc.syscall(number, 0, 0, 0, 0, 0) == -1 and ctypes.get_errno() == 1
header, held = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[9] * 6)
libc.capget(ctypes.byref(header), ctypes.byref(held))
d = [all(map(refused, {numbers})), list(held) == [0] * 6, libc.prctl(39, 0, 0, 0, 0), libc.prctl(3, 0, 0, 0, 0)]
"""
    assert plain(sandbox, source) == [True, True, 1, 0]


def test_the_server_cannot_be_reached(sandbox):
    """Through /proc/<server>/fd/1, an earlier design let a student write the reply of the next one."""
    source = """
import os, stat
d = [os.getpid(), os.path.exists("/proc/1/fd/1"), os.path.exists("/proc/self")]
for number in range(1000):
    try: d.append(stat.S_IFMT(os.fstat(number).st_mode))
    except OSError: pass
"""
    null, sock = 0o020000, 0o140000
    assert plain(sandbox, source) == [1, False, False, null, null, null, sock]


def test_files_are_few_and_small(sandbox):
    source = """
import os
d = [0, 0]
try:
    with open("large", "wb") as file:
        while True: d[0] += file.write(bytes(1 << 20)) >> 20
except OSError: pass
os.remove("large")
try:
    while True: open(str(d[1]), "w").close(); d[1] += 1
except OSError: pass
"""
    mib, files = plain(sandbox, source)
    assert mib <= LIMITS.disk
    assert files < 1_024


def test_two_in_a_row_know_nothing_of_each_other(sandbox):
    leave = """
import builtins, math, os, random, sys
math.pi, builtins.left, sys.left, os.environ["LEFT"] = 3, 1, 1, "1"
random.seed(1)
for folder in ("/tmp", "/dev", "/dev/shm", "/var/tmp", "/grade"):
    try: open(f"{folder}/left", "w").write("x"); os.symlink("/etc/shadow", f"{folder}/link")
    except OSError: pass
d = os.listdir("/tmp")
"""
    look = """
import builtins, math, os, sys
d = [hasattr(builtins, "left"), hasattr(sys, "left"), "LEFT" in os.environ, math.pi == 3, "left" in globals()]
for folder in ("/tmp", "/dev", "/dev/shm", "/var/tmp", "/grade"):
    d += [os.path.lexists(f"{folder}/{name}") for name in ("left", "link")]
d = [any(d), os.listdir("/tmp")]
"""
    assert sorted(plain(sandbox, leave)) == ["left", "link"]
    assert plain(sandbox, look) == [False, []]


def test_tricks_with_links_and_folders_stay_inside(sandbox):
    source = """
import os, shutil
os.symlink("/", "root"); os.symlink("loop", "loop"); os.mkfifo("pipe")
d = []
for attempt in (lambda: os.rmdir("/tmp"), lambda: os.rename("/tmp", "/other"), lambda: os.chroot("."),
                lambda: os.mknod("disk", 0o60600, os.makedev(8, 0)), lambda: open("root/tmp2", "w"),
                lambda: shutil.rmtree("root/usr/lib")):
    try: attempt(); d.append("done")
    except OSError: pass
"""
    assert plain(sandbox, source) == []
    assert plain(sandbox, "import os; d = os.listdir()") == []


def test_the_same_code_gives_the_same_answer_every_time(sandbox):
    with Sandbox(LIMITS) as other:
        assert outcome(other, "d = hash('margin')") == outcome(sandbox, "d = hash('margin')")


# --- the sandbox itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 0.0005, 0.001, 0.002, 0.005, 0.02])  # seconds: its children go a little later
def test_a_killed_server_is_started_again(sandbox, after):
    assert outcome(sandbox, "d = 0") == number(0)  # the one before may have answered once more before it ended
    os.kill(sandbox._server.pid, signal.SIGKILL)  # noqa: SLF001
    time.sleep(after)
    assert outcome(sandbox, "d = 1") == number(1)


def test_nothing_is_left_when_it_ends():
    with Sandbox(LIMITS) as short:
        run(short, cell("d = 1"))
        home, there = Path(short._home.name), _processes(short)  # noqa: SLF001
        assert home.exists()
        assert len(there) == 3  # bubblewrap outside, bubblewrap inside, the server
    for _ in range(50):
        if not any(Path(f"/proc/{each}").exists() for each in there):
            break
        time.sleep(0.1)
    assert not any(Path(f"/proc/{each}").exists() for each in there)
    assert not home.exists()


def test_without_bubblewrap_it_says_so_and_stops(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match=f"bubblewrap is not installed.*apt-get install.*{STATEMENT}={STATED}"):
        Sandbox().__enter__()


@pytest.mark.skipif(getattr(os, "geteuid", int)() != 0, reason="only root is refused")
@pytest.mark.parametrize("said", [None, "yes"])
def test_root_is_refused_unless_it_is_said_to_harm_nobody(monkeypatch, said):
    monkeypatch.delenv(AS_ROOT)
    if said:
        monkeypatch.setenv(AS_ROOT, said)
    with pytest.raises(SandboxError, match=f"you are root.*{AS_ROOT}={AS_ROOT_STATED}"):
        Sandbox().__enter__()


def finished(*command, **how):
    """Return a command that has ended, and what it said."""
    return subprocess.run(command, capture_output=True, text=True, check=False, **how)  # noqa: S603


def test_where_user_namespaces_are_off_it_says_so_and_stops():
    program = "from marginlib.grading.sandbox import Sandbox\nSandbox().__enter__()"
    off = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" -c "$1"'
    done = finished("unshare", "--user", "--map-root-user", "sh", "-c", off, sys.executable, program, cwd=ROOT)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("marginlib.grading.sandbox.SandboxError: the sandbox did not start: bwrap: ")
    assert f"{STATEMENT}={STATED}" in last


def test_without_the_filter_it_says_so_and_stops(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    with pytest.raises(SandboxError, match=r"pip install '\.\[grade\]'"):
        Sandbox().__enter__()


def test_the_teacher_may_state_that_the_container_is_the_sandbox(monkeypatch):
    monkeypatch.setenv(STATEMENT, STATED)
    with Sandbox(LIMITS) as stated:
        home = Path(stated._home.name)  # noqa: SLF001
        source = "import os\nopen('left', 'w').write('x')\ntry: os.fork()\nexcept OSError: d = os.getcwd()"
        assert Path(plain(stated, source)).parent == home
        assert list(home.iterdir()) == [], "each has a folder of its own, which goes with it"
        bad = run(
            stated, cell("while True: pass"), cell("import os; os._exit(0)", "ends"), cell("d = 1", "last"), value()
        )
        assert ([told["state"] for told in bad.steps.values()], bad.open["d"]) == (["time", "died", "ran"], [number(1)])


def test_any_other_statement_counts_for_nothing(monkeypatch):
    monkeypatch.setenv(STATEMENT, "yes")
    assert Sandbox().confined


@pytest.mark.skipif(
    getattr(os, "getuid", int)() != 0, reason="this user is an ordinary one: every other test is this test"
)
def test_an_ordinary_user_can_run_it():
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env"]  # by env: it has no privileges left
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    paths = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{sysconfig.get_path('purelib')}"}
    program = "import sys, marginlib, pyseccomp; print(f'{sys.version_info.major}.{sys.version_info.minor}')"
    for python in (sys.executable, "/usr/bin/python3"):
        if finished(*become, python, "-B", "-c", program, env=paths).stdout.strip() == version:
            break
    else:
        pytest.skip(f"an ordinary user can reach no Python {version}, or not the library in {ROOT}")
    program = f"""
from marginlib.grading.sandbox import Sandbox
with Sandbox() as sandbox:
    for _ in range(2):
        steps = [{cell("import os; d = os.listdir(); open('left', 'w')")}, {value()}]
        print(sandbox.run(dict(numbers=dict(), steps=steps)).open)
"""
    done = finished(*become, python, "-B", "-c", program, env=paths)
    assert done.stdout == "{'d': [{'kind': 'list', 'value': []}]}\n" * 2, done.stderr


def test_the_list_of_refused_calls_is_known_to_this_machine():
    assert len(set(module._DENIED)) == len(module._DENIED)  # noqa: SLF001
    assert bytes.fromhex(module._filter())  # noqa: SLF001
