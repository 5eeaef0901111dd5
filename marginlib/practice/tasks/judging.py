"""The judge: plain outcomes in, feedback out. It never sees an object of the learner's and never runs their code.

The stages are the same for every task: what you returned; the belief that gives it; hint 1; hint 2; the worked
solution with your own numbers. A stage is added with each further wrong answer.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from marginlib.practice.beliefs import BELIEFS
from marginlib.practice.beliefs.recognise import answer
from marginlib.practice.tasks.collecting import Outcome
from marginlib.practice.tasks.comparing import Case, believed, same, word
from marginlib.practice.tasks.feedback import Feedback
from marginlib.practice.tasks.task import Task, belief_codes

__all__ = ["judge", "shown"]

_CLOSE = 0.02  # so near to the right number, it was probably rounded on the way
_FEW = 8  # items of a list in a message


def judge(
    task: Task, cases: Sequence[Case], outcomes: Sequence[Outcome], *, tries: int = 0, grading: bool = False
) -> Feedback:
    """Return the feedback on an answer.

    Args:
        task: the task.
        cases: `open_cases` or `grading_cases`: what the outcomes are about.
        outcomes: from `collect`.
        tries: different wrong answers given before; each adds a stage.
        grading: whether the cases are hidden: then no message says anything about them but how many are right.

    Example:
        >>> from marginlib.practice.tasks.collecting import collect
        >>> from marginlib.practice.tasks.numbering import open_cases, ticket
        >>> from marginlib.course.tasks import task
        >>> mine = open_cases(task("sizing-1"), ticket("sizing", "ada"))
        >>> judge(task("sizing-1"), mine, collect(...)).state
        'stub'
    """
    unfit = _unfit(task, cases, outcomes)
    if unfit:
        state, heading, text = unfit
        text = _hidden(outcomes) if grading else text
        return Feedback(task=task.id, state=state, passed=0, total=len(cases), parts=((heading, text),))
    if task.kind == "explain":
        return _words(task, cases[0], _value(outcomes[0]))
    values = [_value(outcome) for outcome in outcomes]
    if task.refutes is not None:
        return _refuted(task, cases[0], values[0], tries)
    truths = believed(task.solve, cases) or []
    verdicts = [same(task, value, truth) for value, truth in zip(values, truths, strict=True)]
    if all(verdicts):
        return _right(task, values, grading=grading)
    return _wrong(task, cases, values, truths, verdicts, tries=tries, grading=grading)


# --- answers that cannot be compared --------------------------------------------------------------------------------


def _unfit(task: Task, cases: Sequence[Case], outcomes: Sequence[Outcome]) -> tuple[str, str, str] | None:
    """Return state, heading and text for an answer that is not of the kind that was asked for, or None."""
    kinds = [outcome["kind"] for outcome in outcomes]
    if set(kinds) <= {"stub"}:
        return "stub", "Not started yet", f"Replace the three dots by {task.ask}, then run both cells again."
    if task.asks_function and len(outcomes) == 1 != len(cases):
        return (
            "odd",
            "A function is asked for",
            (
                f"You gave {_described(outcomes[0])}. Give the function itself, by its name and without brackets: "
                f'check("{task.id}", {task.function}).'
            ),
        )
    if len(outcomes) != len(cases):
        return "odd", "Not complete", "There is not one answer for each case."
    if task.wrong is not None and _unchanged(task, cases, outcomes):
        values, truths = [_value(outcome) for outcome in outcomes], believed(task.solve, cases) or []
        where = next(k for k, truth in enumerate(truths) if not same(task, values[k], truth))  # it may be right in some
        return (
            "stub",
            "The calculator as you found it",
            (
                f"For {_called(task, cases[where])} it returns {shown(task, values[where])}, and that is wrong. "
                "Work this case out by hand, find the line that differs, and change it."
            ),
        )
    for case, outcome in zip(cases, outcomes, strict=True):
        text = _problem(task, case, outcome)
        if text:
            return ("error" if outcome["kind"] == "error" else "odd"), text[0], text[1]
    return None


def _unchanged(task: Task, cases: Sequence[Case], outcomes: Sequence[Outcome]) -> bool:
    """Return whether a wrong calculator still says what it said when it was found."""
    found = believed(task.wrong, cases) if task.wrong is not None else None
    values = [_value(outcome) for outcome in outcomes]
    return found is not None and all(
        type(mine) is type(its) and same(task, mine, its) for mine, its in zip(values, found, strict=True)
    )


# What is no answer to any task: kind of outcome -> heading and text.
_NEVER: Mapping[str, tuple[str, str]] = {
    "stub": ("Not finished", "{where} returned the three dots. Replace each of them."),
    "nan": ("Not a finite number", "{where} returned {value}. Something was divided by 0, or grew too large."),
    "other": ("Not a plain value", "{where} gave {what}. Wanted: {ask}."),
    "function": ("A value is asked for", "{where} gave the function {value}. Give what it returns: call it."),
    "error": ("Your code stopped", "{where} stopped: {stopped}"),
}


def _problem(task: Task, case: Case, outcome: Outcome) -> tuple[str, str] | None:
    """Return heading and text where one outcome cannot be compared with the right answer, or None."""
    kind, where = outcome["kind"], f"For {_called(task, case)} your function" if task.asks_function else "You"
    if kind in _NEVER:
        heading, text = _NEVER[kind]
        words = {"where": where, "value": outcome.get("value"), "what": _described(outcome), "ask": task.ask}
        return heading, text.format(**words, stopped=_stopped(outcome) if kind == "error" else "")
    if task.inputs:
        return _first_problem_inside(task, outcome)
    if task.kind == "explain":
        return None if kind in {"list", "text"} else _other_kind(task, outcome, where)
    return _misfit(task, case, outcome, where)


def _other_kind(task: Task, outcome: Outcome, where: str) -> tuple[str, str]:
    """Return heading and text for an answer of another kind than the one that is asked for."""
    return "Not what is asked for", f"{where} gave {_described(outcome)}. Wanted: {task.ask}."


def _none_is_believed(task: Task, case: Case) -> bool:
    """Return whether None, where a value is asked for, is what a belief says: "there is no such price"."""
    return not task.asks_function and any(believed(each, [case]) == [None] for each in task.beliefs.values())


def _misfit(task: Task, case: Case, outcome: Outcome, where: str) -> tuple[str, str] | None:
    """Return heading and text where the outcome is of another kind than the right answer, or None."""
    truths = believed(task.solve, [case])
    truth, kind = truths[0] if truths else None, outcome["kind"]
    if isinstance(truth, list | tuple):
        fits = kind == "list" and len(outcome["value"]) == len(truth)
        return None if fits else _other_kind(task, outcome, where)
    if isinstance(truth, str):
        return None if kind in {"text", "list"} else _other_kind(task, outcome, where)
    if kind == "none" and truth is not None and not _none_is_believed(task, case):
        text = "Is there a line with `return`?" if task.asks_function else f"Wanted: {task.ask}."
        return "Nothing came back", f"{where} returned None. {text} None would say that there is no such number."
    if kind == "text":
        number = _as_number(outcome["value"])
        advice = f"Write {number} without quotes." if number else f"Wanted: {task.ask}."
        return "Text instead of a number", f"{where} returned the text {outcome['value']!r}. {advice}"
    return _other_kind(task, outcome, where) if kind in {"truth", "list", "dict"} else None


def _first_problem_inside(task: Task, outcome: Outcome) -> tuple[str, str] | None:
    """Return the first problem with the numbers of a counterexample, or None."""
    found = outcome["value"] if outcome["kind"] == "dict" else None
    if found is None:
        return _other_kind(task, outcome, "You")
    for name in task.inputs:
        if name not in found:
            return "A number is missing", f'"{name}" is not in your dict. Wanted: {task.ask}.'
        if found[name]["kind"] != "number":
            return "A number is asked for", f'Your "{name}" is {_described(found[name])}. Give a number.'
    return None


def _stopped(outcome: Outcome) -> str:
    """Return what stopped the learner's code, and where."""
    line = f" The line: {outcome['line']}" if outcome["line"] else ""
    if outcome["type"] == "RecursionError":
        return f"it called itself without end.{line}"
    if outcome["type"] == "KeyboardInterrupt":
        return f"it was interrupted. Does a loop never end?{line}"
    return f"{outcome['type']}: {outcome['value']}.{line}"


def _hidden(outcomes: Sequence[Outcome]) -> str:
    """Return what may be said of cases that are hidden: a learner's own messages could carry them out."""
    types = {outcome.get("type") for outcome in outcomes if outcome["kind"] == "error"}
    known = sorted(str(name) for name in types if isinstance(getattr(builtins, str(name), None), type))
    return f"In a case that you cannot see, your function {f'stopped: {known[0]}' if known else 'gave no answer'}."


def _as_number(text: str) -> str:
    """Return a text such as "$1,000" or "12 %" as a number to write, or "" where it is none."""
    digits = text.strip().lstrip("$").replace(",", "").replace("_", "").strip()
    percent = digits.endswith("%")
    try:
        value = float(digits.rstrip("% "))
    except ValueError:
        return ""
    return f"{value / 100 if percent else value:.10g}"


def _described(outcome: Outcome) -> str:
    """Return an outcome in words."""
    kind, value = outcome["kind"], outcome.get("value")
    if kind == "list":
        return f"a list of {len(value or [])}"
    words = {
        "number": f"the number {value}",
        "text": f"the text {value!r}",
        "truth": f"{value}, which says yes or no",
        "dict": f"a dict with {', '.join(list(value or {})[:_FEW]) if isinstance(value, dict) else ''}",
        "none": "None",
        "stub": "three dots",
        "nan": str(value),
        "function": f"the function {value}",
        "error": "an error",
    }
    return words.get(kind, f"a {outcome.get('type', 'thing')}")


def _value(outcome: Outcome) -> Any:  # noqa: ANN401 - a plain answer
    """Return the plain answer that an outcome holds; an outcome without one equals nothing."""
    kind, value = outcome["kind"], outcome.get("value")
    if kind == "list":
        return [_value(each) for each in value or []]
    if kind == "dict":
        return {name: _value(each) for name, each in (value or {}).items()}
    return value if kind in {"number", "text", "truth", "none"} else object()


# --- answers that can -----------------------------------------------------------------------------------------------


def _right(task: Task, values: Sequence[Any], *, grading: bool) -> Feedback:
    """Return the feedback on a right answer."""
    if grading:
        text = f"{len(values)} grading checks passed."
    elif task.asks_function:
        text = f"{len(values)} open checks passed; {task.grading_cases} more at grading."
    else:
        text = f"{shown(task, values[0])}."
    return Feedback(task=task.id, state="right", passed=len(values), total=len(values), parts=(("Right", text),))


def _wrong(
    task: Task,
    cases: Sequence[Case],
    values: Sequence[Any],
    truths: Sequence[Any],
    verdicts: Sequence[bool],
    *,
    tries: int,
    grading: bool,
) -> Feedback:
    """Return the feedback on a wrong answer: the stages that are due."""
    codes = _holding(task, cases, values, truths)
    slip = "" if codes else _slip(values, truths)
    parts = [_returned(task, cases, values, verdicts, grading=grading)]
    if codes:
        parts += [("This is what follows from a belief that many hold", _explained(code)) for code in codes]
    elif slip:
        parts.append(_SLIPS[slip])
    stages = [("Hint", task.hints[0]), ("Second hint", task.hints[1])]
    if not grading:
        stages.append(("Worked solution", task.worked(**cases[0])))
        parts += stages[:tries]
    return Feedback(
        task=task.id,
        state="wrong",
        passed=sum(verdicts),
        total=len(verdicts),
        codes=codes,
        slip=slip,
        parts=tuple(parts),
    )


_SLIPS = {
    "percent": ("Unit", "The digits are right, the unit is not: 4 % is 0.04 as a fraction. Which one is asked for?"),
    "sign": ("Sign", "The size is right, the sign is not."),
    "close": ("Close", "This is near, but not near enough. Was something rounded on the way? Round only at the end."),
}


def _returned(
    task: Task, cases: Sequence[Case], values: Sequence[Any], verdicts: Sequence[bool], *, grading: bool
) -> tuple[str, str]:
    """Return the first stage: what came back."""
    if grading:
        return "Not yet", f"{sum(verdicts)} of {len(verdicts)} grading checks passed."
    first = verdicts.index(False)
    if task.asks_function:
        return "Not yet", (
            f"{sum(verdicts)} of {len(verdicts)} open checks passed. For {_called(task, cases[first])} your function "
            f"returned {shown(task, values[first])}."
        )
    if task.kind == "choose" and word(values[0])[:1] == word(task.solve(**cases[0]))[:1]:
        return "Not yet", f"You answered {shown(task, values[0])}. The choice is right; its reason is another one."
    return "Not yet", f"You answered {shown(task, values[0])}."


def _holding(task: Task, cases: Sequence[Case], values: Sequence[Any], truths: Sequence[Any]) -> tuple[str, ...]:
    """Return the codes of the first belief that explains every value; () if none does."""
    for key, belief in task.beliefs.items():
        says = believed(belief, cases)
        if says is None or says == list(truths):
            continue
        if task.kind == "choose":
            fits = set(word(says[0])) <= set(word(values[0]))
        else:
            fits = all(same(task, mine, its) for mine, its in zip(values, says, strict=True))
        if fits:
            return belief_codes(key)
    return _from_catalogue(task, cases, values)


def _from_catalogue(task: Task, cases: Sequence[Case], values: Sequence[Any]) -> tuple[str, ...]:
    """Return the first belief, or else pair, of the whole catalogue that explains every value; () if none does."""
    if task.catalogue is None:
        return ()
    ask, build = task.catalogue
    built = [build(**case) for case in cases]
    # A belief that changes nothing in these cases adds nothing to a pair.
    right = [answer(ask, case) for case in built]
    twisted = [
        each for each in BELIEFS.values() if each.steps and [answer(ask, case, each.code) for case in built] != right
    ]
    singles = [(each.code,) for each in twisted]
    pairs = [(a.code, b.code) for a, b in combinations(twisted, 2) if not a.steps & b.steps]
    listed = {code for key in task.beliefs for code in belief_codes(key)}
    # Several may explain the same values: those that the task expects come first.
    for codes in sorted([*singles, *pairs], key=lambda codes: (len(codes), len(set(codes) - listed))):
        if all(same(task, mine, answer(ask, case, *codes)) for mine, case in zip(values, built, strict=True)):
            return codes
    return ()


def _explained(code: str) -> str:
    """Return what a belief says and the numbers against it."""
    belief = BELIEFS[code]
    return f"“{belief.statement}” It is not so. {belief.remedy} {belief.refutation}"


def _slip(values: Sequence[Any], truths: Sequence[Any]) -> str:
    """Return which slip turns every right number into the one given, or ""."""
    pairs = list(zip(values, truths, strict=True))
    if not all(isinstance(mine, float) and isinstance(its, int | float) for mine, its in pairs):
        return ""

    def near(factor: float, room: float) -> bool:
        return all(abs(mine - factor * its) <= room * abs(factor * its) for mine, its in pairs)

    if near(100, _CLOSE) or near(0.01, _CLOSE):
        return "percent"
    if near(-1, _CLOSE):
        return "sign"
    return "close" if near(1, _CLOSE) else ""


def _refuted(task: Task, case: Case, answer: Mapping[str, float], tries: int) -> Feedback:
    """Return the feedback on a counterexample, which the engine decides."""
    if task.refutes is None:  # pragma: no cover - the caller has looked
        raise TypeError
    try:
        done, text = task.refutes(case, answer)
    except ValueError as error:  # a number that no account can have: its message says which
        done, text = False, f"That account cannot be: {error}."
    parts = [("Right" if done else "Not yet", text)]
    if not done:
        stages = (("Hint", task.hints[0]), ("Second hint", task.hints[1]), ("Worked solution", task.worked(**case)))
        parts += stages[:tries]
    return Feedback(task=task.id, state="right" if done else "wrong", passed=int(done), total=1, parts=tuple(parts))


def _words(task: Task, case: Case, answer: object) -> Feedback:
    """Return what to compare a text with: the rubric, what the learner says of theirs, and a sample."""
    letters = dict(zip("abcdefgh", task.rubric, strict=False))
    chosen = [letter for letter in letters if letter in word(answer)]
    rubric = "\n".join(f"({letter}) {statement}" for letter, statement in letters.items())
    count = f"You find {len(chosen)} of {len(letters)} in your text"
    missing = ", ".join(letter for letter in letters if letter not in chosen)
    said = f"{count}; ({missing}) is missing. Add it in your own words." if missing else f"{count}."
    return Feedback(
        task=task.id,
        state="words",
        passed=len(chosen),
        total=len(letters),
        parts=(
            ("A good text says", rubric),
            ("Yours", f"{said} In a course a person reads it."),
            ("One way to say it", task.worked(**case)),
        ),
    )


# --- words ----------------------------------------------------------------------------------------------------------


def shown(task: Task, value: object) -> str:
    """Return a plain answer as text, with the task's unit.

    Args:
        task: whose unit it is.
        value: a plain answer.

    Example:
        >>> from marginlib.course.tasks import task
        >>> shown(task("sizing-1"), 12345.678)
        '12,345.68 dollars'
    """
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        return f"{_number(value)} {task.unit}".rstrip()
    if isinstance(value, list | tuple):
        return ", ".join(shown(task, each) for each in value[:_FEW])
    return repr(value) if isinstance(value, str) else "something else"


def _number(value: float) -> str:
    """Return a number with separators and the digits that matter."""
    digits = 2 if abs(value) >= 100 else 6  # noqa: PLR2004 - prices and amounts need cents, fractions more
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else f"{value:.6g}"  # noqa: PLR2004


def _called(task: Task, case: Case) -> str:
    """Return a call as the learner would write it."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in case.items())
    return f"{task.function}({arguments})"
