"""Runs a student's cells behind walls and brings plain JSON back; what comes back is checked, never trusted.

One `Sandbox` holds one bubblewrap with one server (`worker`), which forks for each submission: no network, no file of
this machine but the interpreter and its packages without marginlib, a /tmp and a process namespace of the submission's
own, no new process, few system calls, and limits for each cell and for each call. A cell that does not stop, or that
ends its process, is left out in a second run: it costs its own task and no other.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import site
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from math import isfinite
from operator import methodcaller
from pathlib import Path
from typing import Any, Self

from marginlib.errors import MarginError
from marginlib.practice.tasks import collecting
from marginlib.practice.tasks.collecting import Outcome

STATEMENT = "MARGINLIB_GRADE_UNCONFINED"
STATED = "the-container-is-the-sandbox"
AS_ROOT, AS_ROOT_STATED = "MARGINLIB_GRADE_AS_ROOT", "nothing-else-of-value-is-here"
PACKAGES = "MARGINLIB_GRADE_PACKAGES"  # what students may import besides Python's own
_PACKAGES = "numpy, pandas, scipy, matplotlib"
_LOADED = {"matplotlib": "matplotlib.pyplot", "scipy": "scipy.optimize"}

_WORKER = Path(__file__).with_name("worker.py")
_INSIDE = "/grade"
_START = 60.0  # seconds for the server to load its packages, or to see a submission off
_GRACE = 1.0  # seconds between the bell inside and the kill from outside
_LONGEST_LINE, _LONGEST_REPLY, _LONGEST_TEXT = 1 << 20, 8 << 20, 200  # bytes, bytes, letters
_DEEPEST = 8
_STATES = ("ran", "error", "time", "memory")
_LOST = {
    "time": ("TimeoutError", "it did not stop, and had to be stopped from outside"),
    "died": ("SystemExit", "it ended its own process"),
}

_WAYS_OUT = (
    "Install bubblewrap (Debian: apt-get install bubblewrap) and allow user namespaces; or, where grading runs in a "
    f"container of its own that you throw away, say so: {STATEMENT}={STATED}"
)

# What no exercise needs. New processes and threads, whose number nothing else limits for every user:
_DENIED = (
    *("fork", "vfork", "clone", "execve", "execveat", "kill", "tkill"),
    *("pidfd_send_signal", "pidfd_open", "pidfd_getfd"),
    # the network, and memory that the limit of the address space does not count,
    *("socket", "socketpair", "memfd_create", "memfd_secret", "shmget", "shmat", "semget", "msgget", "mq_open"),
    # other processes,
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp"),
    # other places,
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "mount_setattr"),
    *("fsopen", "fsconfig", "fsmount", "fspick", "open_by_handle_at", "name_to_handle_at", "fanotify_init"),
    # the kernel's doors,
    *("keyctl", "add_key", "request_key", "bpf", "perf_event_open", "userfaultfd", "modify_ldt"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "vmsplice", "splice", "tee", "move_pages"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff"),
    # and the machine's settings.
    *("acct", "quotactl", "syslog", "personality", "vhangup", "settimeofday", "clock_settime", "adjtimex"),
    *("clock_adjtime", "sethostname", "setdomainname", "setuid", "setgid", "setreuid", "setregid", "setresuid"),
    *("setresgid", "setgroups"),
    # What is shared holds still: its times, rights and names, and nobody is kept waiting for it.
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("utime", "utimes", "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr", "removexattr"),
    *("lremovexattr", "fremovexattr", "flock", "inotify_init", "inotify_init1", "inotify_add_watch"),
)
_DENIED_TO_FCNTL = (1024, 1026, 6, 7, 37, 38)  # leases, notices, locks of both kinds: set, and wait for
_LOW = 0xFFFFFFFF  # the kernel reads no more of that argument


class SandboxError(MarginError):
    """Students' code cannot be run safely on this machine, or the sandbox itself is broken; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one submission may use."""

    step: float = 5.0  # time of one cell [s]
    call: float = 2.0  # time of one call of a function, or of one look at a value [s]
    total: float = 60.0  # time of a submission, runs without a bad cell included [s]
    memory: int = 2_048  # address space [MiB]
    disk: int = 64  # all files together, and the largest of them [MiB]
    lost: int = 12  # cells and calls that may be left out before the rest is given up


@dataclass(slots=True)
class Reply:
    """What came out of one submission."""

    # Cell id -> state ("ran", "error", "time", "memory", "died"), type, value and line of an error, seconds.
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    open: dict[str, list[Outcome]] = field(default_factory=dict)  # task -> one for each open case, or for a value
    hidden: dict[str, list[Outcome]] = field(default_factory=dict)  # task -> one for each hidden case
    status: str = "ran"  # or "time" or "died", where the rest was given up
    reason: str = ""  # why, in words


class Sandbox:
    """A place where students' code runs, one submission after another.

    Raises:
        SandboxError: bubblewrap is missing or refused here, and the teacher has not stated that the container is the
            sandbox.
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        self.limits = limits
        self.confined = os.environ.get(STATEMENT) != STATED
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._home: tempfile.TemporaryDirectory[str] | None = None
        self._loaded: set[str] = set()

    def __enter__(self) -> Self:
        self._start()
        tried = self.run({"numbers": {}, "steps": []})
        if tried.status != "ran":
            self._stop()
            raise SandboxError(f"the sandbox does not work on this machine: {tried.reason}. {_WAYS_OUT}")
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop()

    def run(self, request: Mapping[str, Any], hidden: Mapping[str, Sequence[Mapping[str, Any]]] = {}) -> Reply:
        """Return what came out of a submission; nothing that it does raises here.

        The request holds "numbers" by task, and "steps": each a cell ("run", "source") or a check ("check", "name",
        "cases"). The hidden cases of each task are sent once all steps are done.
        """
        self._load("\n".join(step.get("source", "") for step in request["steps"]))
        limits = self.limits
        heard, end, spared = _Heard(request["steps"], hidden), time.monotonic() + limits.total, False
        while state := self._once(heard, request["numbers"], end):
            if self._server is None and heard.at is None and not spared:
                spared = True  # the server went before the submission began: not the student's doing
                continue
            reason = ""
            if time.monotonic() > end:
                reason = f"it ran longer than {limits.total:g} seconds in all"
            elif heard.at is None or heard.at in heard.lost:
                reason = f"its process ended on its own{heard.broken}"
            elif len(heard.lost) == limits.lost:
                reason = f"more than {limits.lost} of its cells and calls had to be left out"
            if reason:
                heard.reply.status, heard.reply.reason = state, reason
                break
            heard.lose(state)
        return heard.told()

    def _load(self, source: str) -> None:
        """Let the server load the packages that some cells name, once for all who come after."""
        for name in re.findall(r"[\w.-]+", packages()):
            if name in source and name not in self._loaded and self._control is not None:
                self._loaded.add(name)
                if not self._says(b"R", methodcaller("send", f"L{_LOADED.get(name, name)}".encode())):
                    self._stop()

    def _once(self, heard: _Heard, numbers: Mapping[str, Any], end: float) -> str:
        """Run a submission to its end, or return what kept it from that: "time" or "died"."""
        mine, its = socket.socketpair()
        with mine:
            with its:
                self._send(its)
            heard.begin()
            try:
                return self._converse(mine, heard, numbers, end)
            except (OSError, _ForgedError):
                return "died"
            finally:  # what is left of it is killed, and waited for; a server that hangs goes, too
                if self._control is not None and not self._says(b"X", lambda control: control.send(b"K")):
                    self._stop()

    def _converse(self, mine: socket.socket, heard: _Heard, numbers: Mapping[str, Any], end: float) -> str:
        """Send the request, hear line by line what comes of it, and send the hidden cases once all steps are done."""
        mine.settimeout(self.limits.step)
        request = {"numbers": numbers, "steps": heard.steps, "skip": list(heard.lost)}
        mine.sendall(json.dumps(request).encode() + b"\n")

        def deadline() -> float:
            cell = heard.at is None or (heard.at < len(heard.steps) and "run" in heard.steps[heard.at])
            return min(end, heard.since + (self.limits.step if cell else self.limits.call) + _GRACE)

        for line in _lines(mine, deadline):
            if line is None:
                return "time"
            was_ready = heard.ready
            heard.hear(line)
            if heard.ready and not was_ready:
                mine.settimeout(self.limits.step)
                mine.sendall(json.dumps(heard.asked).encode() + b"\n")
            if heard.ended:
                break
        return "" if heard.whole else "died"

    def _start(self) -> None:
        """Start the server, and wait until it has loaded what submissions use."""
        bwrap = shutil.which("bwrap")
        if self.confined and os.geteuid() == 0 and os.environ.get(AS_ROOT) != AS_ROOT_STATED:
            give = f"grade as a plain user, or, where that harms nobody, say so: {AS_ROOT}={AS_ROOT_STATED}"
            raise SandboxError(f"you are root, and a hole in the walls would be root's: {give}")
        if self.confined and not bwrap:
            raise SandboxError(f"bubblewrap is not installed, and students' code runs nowhere else. {_WAYS_OUT}")
        filter_ = _filter()
        self._home = tempfile.TemporaryDirectory(prefix="marginlib-grade-")
        self._loaded.clear()
        self._control, its = socket.socketpair()
        self._control.settimeout(_START)
        with its:
            settings = {
                "control": its.fileno(),
                "confined": self.confined,
                "filter": filter_,
                "collecting": f"{_INSIDE}/collecting.py" if self.confined else collecting.__file__,
                "packages": list(_packages().values() if self.confined else _packages()),
                "home": self._home.name,
                "hidden": {"not": hidden_packages(), "named": packages()},
                **{name: getattr(self.limits, name) for name in ("step", "call", "memory", "disk")},
                "total": int(self.limits.total) + 1,
            }
            program = f"{_INSIDE}/worker.py" if self.confined else str(_WORKER)
            # Not -I: the seed of hashes in the environment counts. -S: no .pth file of any package is run.
            command = [os.path.realpath(sys.executable), "-s", "-S", "-P", "-B", program, json.dumps(settings)]
            self._server = subprocess.Popen(  # noqa: S603 - our own command
                [*_walls(str(bwrap)), *command] if self.confined else command,
                pass_fds=[its.fileno()],
                env=_environment(),
                cwd=self._home.name,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        if not self._says(b"R"):
            said = self._stop()
            raise SandboxError(f"the sandbox did not start: {said or 'no reason was given'}. {_WAYS_OUT}")

    def _stop(self) -> str:
        """End the server and everything in it; return what it complained of."""
        said = b""
        if self._control:
            self._control.close()
        if self._server:
            self._server.kill()
            said = self._server.communicate()[1]
        if self._home:
            self._home.cleanup()
        self._server = self._control = self._home = None
        return said.decode(errors="replace").strip()[-500:]

    def _send(self, data: socket.socket) -> None:
        """Hand the server one end of a submission's socket; start it anew where it is gone."""
        for _ in range(2):
            if self._control is None:
                self._start()
            if self._says(b"F", lambda control: socket.send_fds(control, [b"S"], [data.fileno()])):
                return
            self._stop()
        raise SandboxError("the sandbox ends as soon as it starts")

    def _says(self, answer: bytes, ask: Callable[[socket.socket], object] = lambda _control: None) -> bool:
        """Return whether the server, when asked, says this next."""
        try:
            if self._control is not None:
                ask(self._control)
            return self._control is not None and self._control.recv(1) == answer
        except OSError:
            return False


# --- what is heard from inside --------------------------------------------------------------------------------------


class _ForgedError(Exception):
    """What came out of the sandbox has not the shape that the worker gives it."""


class _Heard:
    """What has been heard of a submission, in all of its runs.

    Steps are numbered, and hidden calls after them. Numbers only grow within a run, each is answered once, and once the
    hidden cases have been sent, what the steps brought stays as it was: so nothing that is shown can hold one.
    """

    def __init__(self, steps: Sequence[Mapping[str, Any]], hidden: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self.steps = list(steps)
        calls = [(task, values) for task, cases in hidden.items() for values in cases]
        self.calls = [(at, *call) for at, call in enumerate(calls, start=len(self.steps))]  # number, task, values
        self.came: dict[int, Any] = {}  # number -> what came of it
        self.lost: dict[int, Outcome] = {}  # number -> what is told in its place
        self.reply = Reply(hidden={task: [] for task in hidden})
        self.frozen = False
        self.begin()

    def begin(self) -> None:
        """Begin a run."""
        self.since = time.monotonic()
        self.at: int | None = None
        self.case = -1
        self.waited: set[int] = set(range(len(self.steps))) - self.lost.keys()
        self.asked: list[tuple[int, str, Any]] = []
        self.ready = self.ended = False
        self.broken = ""

    @property
    def whole(self) -> bool:
        """Whether everything that was asked has been answered."""
        return self.ready and not self.waited

    def lose(self, state: str) -> None:
        """Leave out, from now on, what was the last to begin."""
        at = self.at or 0
        kind, value = _LOST[state]
        blame = {"type": kind, "value": value, "line": "", "number": None}
        self.lost[at] = {"kind": "error", **blame}
        if at < len(self.steps) and not self.frozen:
            cases = self.steps[at].get("cases") or [None]
            ran = {"state": state, **blame, "seconds": 0.0}
            self.came[at] = ran if "run" in self.steps[at] else [self.lost[at]] * len(cases)

    def told(self) -> Reply:
        """Return the reply; the hidden cases of a task are all in it, or none."""
        for at, step in enumerate(self.steps):
            if at in self.came and "run" in step:
                self.reply.steps[step["run"]] = self.came[at]
            elif at in self.came:
                self.reply.open[step["check"]] = self.came[at]
        for task in list(self.reply.hidden):
            numbers = [at for at, name, _ in self.calls if name == task]
            found = [self.came.get(at, self._gone(task)) for at in numbers]
            self.reply.hidden[task] = [each for each in found if each is not None]
            if len(self.reply.hidden[task]) < len(numbers):
                del self.reply.hidden[task]
        return self.reply

    def _gone(self, task: str) -> Outcome | None:
        """Return what is told for a task whose check, or one of whose calls, had to be left out."""
        named = [*((at, step.get("check")) for at, step in enumerate(self.steps)), *(call[:2] for call in self.calls)]
        return next((self.lost[at] for at, name in named if name == task and at in self.lost), None)

    def hear(self, line: bytes) -> None:
        """Take one line, or refuse it."""
        try:
            self._hear(json.loads(line))
        except Exception as error:
            raise _ForgedError(f"it sent what is no answer: {type(error).__name__}") from error
        self.since = time.monotonic()

    def _hear(self, said: dict[str, Any]) -> None:
        """Put one line where it belongs."""
        if "at" in said:
            self.at = _within(said["at"], 0 if self.at is None else self.at + 1, len(self.steps) + len(self.calls))
            self.case = -1
            if self.at not in self.waited:
                raise IndexError(self.at)
        elif "case" in said:
            self.case = _within(said["case"], self.case + 1, len(self.steps[self.at or 0]["cases"]))
        elif "came" in said:
            self._take(said["came"])
        elif "ready" in said and not self.ready and not self.waited:
            self.ready = self.frozen = True
            open_ = {step["check"]: self.came[at] for at, step in enumerate(self.steps) if "check" in step}
            there = {task for task, found in open_.items() if found[0]["kind"] != "missing" and not self._gone(task)}
            self.asked = [call for call in self.calls if call[1] in there and call[0] not in self.came]
            self.waited = {at for at, _, _ in self.asked}
        elif "end" in said and self.whole:
            self.ended = True
        else:
            if self.at is None:  # later, these words could be a student's
                self.broken = f" ({str(said['broken'])[:200]})"
            raise _ForgedError("it is broken, or says what is not its turn to say")

    def _take(self, came: Any) -> None:  # noqa: ANN401 - anything, from a student
        """Take what came of the step or call that is at its turn."""
        at = -1 if self.at is None else self.at
        self.waited.remove(at)
        step = self.steps[at] if at < len(self.steps) else {}
        if "run" in step:
            if came["state"] not in _STATES:
                raise KeyError(came["state"])
            fresh: Any = {"state": came["state"], **_blame(came), "seconds": _number(came["seconds"])}
        elif "check" in step:
            fresh = [_outcome(each) for each in came]
            if len(fresh) not in {1, len(step["cases"] or [None])}:
                raise IndexError(at)
        else:
            fresh = _outcome(came)
        if not step or not self.frozen:
            self.came[at] = fresh


def _lines(mine: socket.socket, deadline: Callable[[], float]) -> Iterator[bytes | None]:
    """Yield what is said, line by line; None where nothing is heard in time; end where the process ends."""
    held, left = b"", _LONGEST_REPLY
    while True:
        mine.settimeout(max(0.001, deadline() - time.monotonic()))
        try:
            got = mine.recv(1 << 16)
        except TimeoutError:
            yield None
            return
        if not got:
            return
        left -= len(got)
        *whole, held = (held + got).split(b"\n")
        if left < 0 or len(held) > _LONGEST_LINE:
            raise _ForgedError("it sent more than an answer can be")
        yield from whole


def _within(number: object, least: int, end: int) -> int:
    """Return a whole number that is in its place, or refuse."""
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number < end:
        raise IndexError(number)
    return number


def _text(value: object) -> str:
    """Return a text that any file, page and terminal can hold, or refuse what is none."""
    if not isinstance(value, str):
        raise TypeError(value)
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in value[:_LONGEST_TEXT])


def _blame(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return type, message and line of an error; a cell that ran has none."""
    number = said.get("number")
    return {
        **{name: _text(said.get(name, "")) for name in ("type", "value", "line")},
        "number": None if number is None else _within(number, 1, _LONGEST_LINE),
    }


def _number(value: object) -> float:
    """Return a finite number, or refuse."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise TypeError(value)
    return float(value)


def _outcome(said: Mapping[str, Any], depth: int = _DEEPEST) -> Outcome:  # noqa: PLR0911 - one line for each kind
    """Return an outcome in the shape that `collect` gives it, built anew."""
    kind = said["kind"]
    if not depth:
        raise RecursionError
    if kind in {"none", "stub", "missing"}:
        return {"kind": kind}
    if kind in {"number", "nan", "text", "function"}:
        return {"kind": kind, "value": (_number if kind == "number" else _text)(said["value"])}
    if kind == "truth" and isinstance(said["value"], bool):
        return {"kind": kind, "value": said["value"]}
    if kind == "list":
        return {"kind": kind, "value": [_outcome(each, depth - 1) for each in said["value"]]}
    if kind == "dict":
        return {"kind": kind, "value": {_text(name): _outcome(each, depth - 1) for name, each in said["value"].items()}}
    if kind == "other":
        return {"kind": kind, "type": _text(said["type"]), "value": _text(said["value"])}
    if kind == "error":
        return {"kind": kind, **_blame(said)}
    raise KeyError(kind)


# --- the walls ------------------------------------------------------------------------------------------------------


def _filter() -> str:
    """Return the program that the kernel asks about each system call, as hexadecimal digits."""
    try:
        import pyseccomp  # noqa: PLC0415 - it looks for the C library as soon as it is imported
    except (ImportError, RuntimeError) as error:
        give = "in the repository, python -m pip install '.[grade]', and Debian's libseccomp2"
        raise SandboxError(f"pyseccomp does not work here ({error}): {give}") from error
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in _DENIED:
        with suppress(OSError):  # an older libseccomp does not know the newest calls, nor does such a kernel
            rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
    for command in _DENIED_TO_FCNTL:
        rules.add_rule(pyseccomp.ERRNO(errno.EPERM), "fcntl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, _LOW, command))
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")  # not there: then the C library takes clone
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read().hex()


def packages() -> str:
    """Return the packages that students may use, as the teacher names them."""
    return os.environ.get(PACKAGES, _PACKAGES)


def needed_packages(named: str) -> dict[str, str]:
    """Return the packages of a list and all that they need, with their versions; "" where one is not installed.

    Example:
        >>> needed_packages("no-such-package")
        {'no-such-package': ''}
    """
    found: dict[str, str] = {}
    waiting = re.findall(r"[\w.-]+", named)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in found:
            try:
                there = metadata.distribution(name)
            except metadata.PackageNotFoundError:
                found[name] = ""
                continue
            found[name] = there.version
            needs = [each for each in there.requires or () if "extra ==" not in each]
            waiting += [match[0] for each in needs if (match := re.match(r"[\w.-]+", each))]
    return found


def hidden_packages() -> list[str]:
    """Return the modules of this interpreter's other packages, which an import in the sandbox does not find."""
    named = [name for name, version in needed_packages(packages()).items() if version]
    seen = {file.parts[0].partition(".")[0] for name in named for file in metadata.distribution(name).files or ()}
    there = {each.name.partition(".")[0] for folder in _packages() for each in Path(folder).iterdir()}
    return sorted(there - seen)


def _packages() -> dict[str, str]:
    """Return the folders that hold the packages of this interpreter, each with its place in the sandbox."""
    found = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()])
    there = [folder for folder in found if Path(folder).is_dir()]
    return {folder: f"{_INSIDE}/packages/{at}" for at, folder in enumerate(there)}


def _walls(wall: str) -> list[str]:
    """Return the command that puts a program into the sandbox: what it can see, nothing of it to be written."""
    words = [
        *(wall, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--hostname", "grade"),
        *("--uid", "0", "--gid", "0", "--cap-add", "CAP_SYS_ADMIN"),  # a child of the server mounts a /tmp of its own
        *("--tmpfs", "/tmp"),  # noqa: S108 - the sandbox's own
    ]
    # No /proc, and of /dev no place where a file can be left for the next one.
    for name in ("null", "zero", "random", "urandom"):
        words += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]  # the worker makes them read-only
    for name in ("lib", "lib64"):  # on many systems a link to the one in /usr
        path = Path("/", name)
        words += ["--symlink", str(path.readlink()), str(path)] if path.is_symlink() else _seen(path)
    interpreter = Path(sys.base_prefix).resolve()
    libraries = [folder / name for folder in (Path("/usr"), interpreter) for name in ("lib", "lib64")]
    for seen in (*libraries, Path(sys.executable).resolve(), Path("/etc/ld.so.cache"), Path("/usr/share/zoneinfo")):
        words += _seen(seen)
    for library in libraries:
        for packages in library.glob("python3*/*-packages"):
            words += ["--tmpfs", str(packages), "--remount-ro", str(packages)]
    # Packages have places of their own: theirs may be in /tmp. marginlib is left out, for it holds the answers.
    for folder, place in _packages().items():
        words += ["--ro-bind", folder, place]
        for hole in Path(folder).glob("*marginlib*"):
            if hole.is_dir():
                words += ["--tmpfs", f"{place}/{hole.name}", "--remount-ro", f"{place}/{hole.name}"]
    words += ["--ro-bind", str(_WORKER), f"{_INSIDE}/worker.py"]
    words += ["--ro-bind", str(collecting.__file__), f"{_INSIDE}/collecting.py"]
    return [*words, "--remount-ro", "/", "--chdir", "/"]


def _seen(path: Path) -> list[str]:
    """Return the words that show a folder or file in the sandbox, read-only, where this machine has it."""
    return ["--ro-bind-try", str(path), str(path)]


def _environment() -> dict[str, str]:
    """Return the variables of the server: none of this process's, but for one that some processors need."""
    kept = {name: os.environ[name] for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if name in os.environ}
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",  # noqa: S108 - the sandbox's own
        "LANG": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "MPLCONFIGDIR": "/tmp",  # noqa: S108 - the sandbox's own
        "PYTHONHASHSEED": "0",
        **kept,
    }
