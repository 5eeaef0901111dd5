"""Runs in the sandbox: one fork a submission, plain JSON out. Standard library alone; it holds no answer and no secret.

`sandbox.Sandbox` starts this file as a program and hands it, for each submission, one end of a socket. The server
forks and never reads that socket, so its memory holds nothing of any student when the next child is made. The child
shuts itself in, reads the request, and streams one line of JSON for whatever it begins and whatever came out:

    {"at": 3}                          the step, or later the hidden call, that begins now
    {"case": 0}                        an open case of a check that begins now
    {"came": ...}                      what came of a cell, of a check (a list of outcomes), or of a hidden call
    {"ready": true}                    all steps are done: now, and not before, the hidden cases may be sent
    {"end": true}
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import gc
import importlib
import json
import linecache
import os
import shutil
import signal
import site
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from importlib.machinery import SourceFileLoader
from types import FrameType, ModuleType
from typing import Any

Message = dict[str, Any]

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_RELATIME = 1, 2, 4, 8, 32, 4096, 1 << 21
DEVICES = ("null", "zero", "random", "urandom")
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 24, 38
SECCOMP_MODE_FILTER = 2
CAPABILITIES_V3 = 0x20080522
MIB = 1 << 20
RESERVE = 64 * MIB  # address space that is kept back to tell that the rest is used up
MOST_FILES = 1 << 20
LONGEST = 20_000  # letters of JSON for one value
RUNNING = ("time", "timeit", "prun", "capture")  # magics that run code

with contextlib.suppress(ImportError, TypeError):  # where there is no Linux, this file is read by tools and never run
    import resource

    libc = ctypes.CDLL(None, use_errno=True)


# --- the server -----------------------------------------------------------------------------------------------------


def serve(control: socket.socket, settings: Message) -> None:
    """Fork a child for each socket that arrives, and end it where that is asked for, as it is for every one.

    Messages begin with a letter: S (start, with a socket), L (load this package, for all who follow) and K (kill) come
    in; F (forked), R (ready) and X (it is gone) go out.
    """
    while True:
        said, socket_, *_ = socket.recv_fds(control, 200, 1)
        if said[:1] == b"L":
            load(said[1:].decode())
            control.send(b"R")
            continue
        if not socket_:
            return
        child, keeper = fork(socket_[0], control, settings)
        os.close(socket_[0])
        control.send(b"F")
        control.recv(1)
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.kill(child, signal.SIGKILL)
        os.waitpid(keeper, 0)
        control.send(b"X")


def load(name: str) -> None:
    """Import a package once, in the memory that all children share; most take longer than a cell may."""
    with contextlib.suppress(Exception):  # whoever needs it is told when they import it
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def fork(data: int, control: socket.socket, settings: Message) -> tuple[int, int]:
    """Return the process that runs a submission, as it is seen from here, and the one that waits for it.

    The first child enters new namespaces; only its own child, the first process of the new process namespace, is in
    them. When that one ends, everything that it may have started ends with it.
    """
    told, tell = os.pipe()
    keeper = os.fork()
    if keeper:
        os.close(tell)
        child = int(os.read(told, 20) or keeper)
        os.close(told)
        return child, keeper
    try:
        os.close(told)
        connection = socket.socket(fileno=data)
        control.close()
        keep(connection, tell, settings)
    except BaseException as error:  # noqa: BLE001 - whatever it is, this process ends here
        with contextlib.suppress(BaseException):
            connection.sendall(json.dumps({"broken": f"{type(error).__name__}: {error}"}).encode() + b"\n")
    finally:
        os._exit(0)


def keep(connection: socket.socket, tell: int, settings: Message) -> None:
    """Fork the process that runs the submission, and wait for it; in that process, run it."""
    call(libc.prctl, PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if settings["confined"]:
        call(libc.unshare, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID)
    place = "/tmp" if settings["confined"] else tempfile.mkdtemp(dir=settings["home"])  # noqa: S108 - its own
    child = os.fork()
    if child:
        connection.close()
        os.write(tell, str(child).encode())
        os.close(tell)
        os.waitpid(child, 0)
        if not settings["confined"]:
            shutil.rmtree(place, ignore_errors=True)
    else:
        os.close(tell)
        shut_in(connection, place, settings)
        Submission(connection, settings).run()


# --- the walls ------------------------------------------------------------------------------------------------------


def call(function: Callable[..., int], *arguments: object) -> None:
    """Call the C library, and raise where it refuses."""
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}{arguments}: {os.strerror(number)}")


def shut_in(connection: socket.socket, place: str, settings: Message) -> None:
    """Give this process a folder of its own, no output, limits, no privileges, and few system calls."""
    os.setsid()
    nothing = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.closerange(3, connection.fileno())
    os.closerange(connection.fileno() + 1, MOST_FILES)
    if settings["confined"]:
        options = f"size={settings['disk']}m,nr_inodes=1024,mode=0700".encode()
        call(libc.mount, b"tmpfs", place.encode(), b"tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options)
    os.chdir(place)
    memory = settings["memory"] * MIB
    limits = {
        resource.RLIMIT_AS: (memory, memory + RESERVE),
        resource.RLIMIT_FSIZE: (settings["disk"] * MIB,) * 2,
        resource.RLIMIT_NOFILE: (64, 64),
        resource.RLIMIT_CPU: (settings["total"],) * 2,
        resource.RLIMIT_CORE: (0, 0),
    }
    for limit, most in limits.items():
        resource.setrlimit(limit, most)
    call(libc.prctl, PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    call(libc.prctl, PR_SET_DUMPABLE, 0, 0, 0, 0)
    drop_capabilities()
    call(libc.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    program = bytes.fromhex(settings["filter"])
    code = ctypes.create_string_buffer(program, len(program))

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    packed = Filter(len(program) // 8, ctypes.addressof(code))
    call(libc.prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(packed), 0, 0)


def still_devices() -> None:
    """Let nobody change the times and rights of the devices, which are this machine's own."""
    for name in DEVICES:
        path = f"/dev/{name}"
        told = os.statvfs(path).f_flag  # what the machine has set has to stay set
        kept = told & (MS_NOSUID | MS_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME)
        kept |= MS_RELATIME if told & os.ST_RELATIME else 0
        call(libc.mount, None, path.encode(), None, MS_REMOUNT | MS_BIND | MS_RDONLY | kept, None)


def drop_capabilities() -> None:
    """Give up every capability, for this process and whatever it could ever run."""
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # those that this kernel does not know are refused
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_V3, 0)
    call(libc.capset, ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))


# --- a submission ---------------------------------------------------------------------------------------------------


class TimeUp(BaseException):
    """A cell or a call ran longer than it may; no `except Exception` catches it."""


TimeUp.__name__ = "TimeoutError"  # as it is told


class Submission:
    """A student's cells in one namespace, and what is asked of what they left there."""

    def __init__(self, connection: socket.socket, settings: Message) -> None:
        self.lines = connection.makefile("rb")
        self.connection = connection
        self.settings = settings
        self.armed = False
        self.allowed = 0.0
        self.kept: dict[str, tuple[object, Message]] = {}  # task -> what is asked about, the names of that moment

    def run(self) -> None:
        """Run the steps, then answer the hidden cases."""
        request = json.loads(self.lines.readline())
        signal.signal(signal.SIGALRM, self.ring)
        self.shell = Shell(namespace(request["numbers"]))
        self.space = self.shell.space
        for at, step in enumerate(request["steps"]):
            if at not in request["skip"]:
                self.tell(at=at)
                came = self.cell(step) if "run" in step else self.check(step)
                self.send(f'{{"came": {came}}}')
        self.tell(ready=True)
        slow: dict[str, str] = {}  # the other calls would take as long
        for at, task, values in json.loads(self.lines.readline()):
            self.tell(at=at)
            came = slow.get(task) or self.called(task, values)
            if is_slow(came):
                slow[task] = came
            self.send(f'{{"came": {came}}}')
        self.tell(end=True)

    def tell(self, **message: object) -> None:
        """Send a message of our own."""
        self.send(json.dumps(message))

    def send(self, line: str) -> None:
        """Send one line."""
        self.connection.sendall(line.encode() + b"\n")

    def ring(self, _signal: int, _frame: FrameType | None) -> None:
        """Stop what runs now, unless it has just ended."""
        if self.armed:
            raise TimeUp(f"it ran longer than {self.allowed:g} seconds")

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let the body run for so long; where it catches the bell, it rings again."""
        self.allowed = seconds
        self.armed = True
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.2)
        try:
            yield
        finally:
            self.armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def told(self, seconds: float, work: Callable[[], Message], home: str = "") -> str:
        """Return what came of some work, as JSON; whatever the student's objects do about it counts as work, too."""
        try:
            with self.within(seconds):
                text = json.dumps(work())
        except BaseException as error:  # noqa: BLE001 - exit(), an interrupt and endless recursion are told, too
            state = "time" if isinstance(error, TimeUp) else "memory" if isinstance(error, MemoryError) else "error"
            with self.within(seconds), reserve():
                text = json.dumps({"state": state, **collecting.describe(error, home)})
        return text if len(text) <= LONGEST else json.dumps({"kind": "other", "type": "", "value": "far too long"})

    def cell(self, step: Message) -> str:
        """Run one cell of the student's."""
        start = time.perf_counter()
        name, source = f"<{step['run']}>", step["source"]
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        self.shell.cell = name

        def work() -> Message:
            execute(source, name, self.space)
            return {"state": "ran"}

        told = json.loads(self.told(self.settings["step"], work, name))
        return json.dumps({**told, "seconds": time.perf_counter() - start})

    def check(self, step: Message) -> str:
        """Describe what a name holds; where it is a function, what it returns for the open cases."""
        name, cases = step["name"], step["cases"]
        if name not in self.space:
            return '[{"kind": "missing"}]'
        thing = self.space[name]
        self.kept[step["check"]] = thing, dict(self.space)
        if cases is None or not callable(thing):
            return f"[{self.collected(thing, None)}]"
        outcomes: list[str] = []
        for at, case in enumerate(cases):
            self.tell(case=at)
            outcomes.append(outcomes[-1] if outcomes and is_slow(outcomes[-1]) else self.collected(thing, case))
        return f"[{', '.join(outcomes)}]"

    def called(self, task: str, case: Message) -> str:
        """Return what a task's function returns for one hidden case, with all names as they were at its check."""
        thing, names = self.kept[task]
        self.space.clear()
        self.space.update(names)
        return self.collected(thing, case)

    def collected(self, thing: object, case: Message | None) -> str:
        """Return a value, or what a function returns for a case, as JSON."""
        cases = None if case is None else [case]
        return self.told(self.settings["call"], lambda: collecting.collect(thing, cases)[0])


def is_slow(outcome: str) -> bool:
    """Return whether a call ended because its time was up."""
    return bool(json.loads(outcome).get("type") == TimeUp.__name__)


@contextlib.contextmanager
def reserve() -> Iterator[None]:
    """Let the body use the memory that was kept back, to tell that there is no more."""
    most, all_ = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (all_, all_))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (most, all_))


def execute(source: str, name: str, space: dict[str, Any]) -> None:
    """Run a cell as a notebook would; what is no Python may be IPython's."""
    try:
        code = compile(source, name, "exec", dont_inherit=True)
    except SyntaxError:
        if transform is None:
            raise
        code = compile(transform(source), name, "exec", dont_inherit=True)
    exec(code, space)  # noqa: S102 - this is what the sandbox is for


# --- what a cell finds in the notebook ------------------------------------------------------------------------------


class Shell:
    """Stands for IPython: what times or captures code runs it, all other magics do nothing."""

    def __init__(self, space: dict[str, Any]) -> None:
        self.space = space
        self.cell = ""
        space["get_ipython"] = lambda: self
        if there := sys.modules.get("IPython"):
            there.get_ipython = space["get_ipython"]  # type: ignore[attr-defined]

    def run_cell_magic(self, name: str, _line: str, body: str) -> None:
        """Run the lines below the magic, which keep their numbers."""
        if name in RUNNING:
            execute(f"\n{body}", self.cell, self.space)

    def run_line_magic(self, name: str, line: str, *_rest: object) -> None:
        """Run the statement that is to be timed."""
        if name in RUNNING:
            execute(line, "<line>", self.space)

    def __getattr__(self, _name: str) -> Silent:
        return Silent()


class Silent:
    """Stands for whatever else IPython has: it takes every call, and nothing comes of it."""

    def __call__(self, *_arguments: object, **_named: object) -> None:
        """Do nothing."""

    def __getattr__(self, _name: str) -> Silent:
        return self


class Shown:
    """Stands for feedback: nothing is known of an answer while it is graded."""

    def __repr__(self) -> str:
        return "graded later"

    def __getattr__(self, name: str) -> None:
        if name.startswith("_"):
            raise AttributeError(name)


def namespace(numbers: Message) -> dict[str, Any]:
    """Return the names that a notebook begins with, and put a stand-in in marginlib's place.

    What the first cell is to make is there before it runs, for it may have been moved, changed or left out.

    The stand-in has `marginlib.course.start`, which gives the numbers of the request whatever it is asked for, and
    `check` and `finish`, which say nothing. Every other name and module of marginlib is refused.
    """
    sys.modules["__main__"] = main_ = ModuleType("__main__")
    space = vars(main_)
    space.update(__builtins__=builtins, display=Silent())
    sys.modules["marginlib"] = library = refusing("marginlib")
    for name in ("course", "exercises"):  # sheets of the first version say "exercises"
        module = refusing(f"marginlib.{name}")
        module.start = lambda *_arguments, **_named: deepcopy(numbers)
        module.check = module.finish = lambda *_arguments, **_named: Shown()
        sys.modules[module.__name__] = module
        setattr(library, name, module)
    names = ("start", "check", "finish")
    space.update({name: getattr(library.course, name) for name in names}, numbers=deepcopy(numbers))
    return space


def refusing(name: str) -> Any:  # noqa: ANN401 - a module that takes attributes
    """Return an empty module that says why it is empty."""
    module = ModuleType(name)

    def __getattr__(wanted: str) -> object:  # noqa: N807 - what a module without a name is asked
        if wanted.startswith("__"):
            raise AttributeError(wanted)
        raise ImportError(REFUSAL.format(f"{name}.{wanted}"))

    module.__getattr__ = __getattr__  # type: ignore[method-assign]
    module.__path__ = []
    return module


REFUSAL = "{} is not there while your answer is graded: the exercises ask you to write what marginlib computes"


class NoAnswers:
    """Refuses every other module of marginlib, which holds what exercises ask for, and packages that are not named."""

    def __init__(self, hidden: Message) -> None:
        self.hidden, self.named = set(hidden["not"]), hidden["named"]

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Refuse what belongs to marginlib, and leave the rest to others."""
        if name.partition(".")[0] == "marginlib":
            raise ImportError(REFUSAL.format(name))
        if name in self.hidden:
            raise ImportError(f"this course's packages are {self.named}; {name} is not there at grading")


# --- start ----------------------------------------------------------------------------------------------------------


def no_input(*_prompt: object) -> str:
    """Refuse to wait for a person."""
    raise EOFError("nobody is there to type an answer while this is graded")


transform: Callable[[str], str] | None = None
collecting: Any = None


def main() -> None:
    """Load once what submissions use, then serve."""
    global collecting, transform  # noqa: PLW0603 - loaded once, before any fork
    settings = json.loads(sys.argv[1])
    if settings["confined"]:
        still_devices()
    sys.path += settings["packages"]
    collecting = ModuleType("collecting")
    SourceFileLoader("collecting", settings["collecting"]).exec_module(collecting)
    for name in ("math", "random", "statistics", "decimal", "fractions", "itertools", "functools", "numpy"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with contextlib.suppress(ImportError):
        transform = importlib.import_module("IPython.core.inputtransformer2").TransformerManager().transform_cell
    builtins.input = no_input
    site.sethelper()
    site.setquit()
    gc.collect()
    gc.freeze()  # the children share what is here: do not touch it
    sys.meta_path.insert(0, NoAnswers(settings["hidden"]))
    control = socket.socket(fileno=settings["control"])
    control.send(b"R")
    serve(control, settings)


if __name__ == "__main__":
    main()
