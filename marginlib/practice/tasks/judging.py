"""The judge: plain outcomes in, feedback out. It never sees an object of the learner's and never runs their code.

The stages are the same for every task: what you returned, the belief or the slip that gives it, and a hint; then a
second hint; then the worked solution with your own numbers. A stage is added with each further wrong answer.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from marginlib.practice.beliefs import BELIEFS
from marginlib.practice.beliefs.recognise import answer, explanations
from marginlib.practice.tasks.collecting import Outcome
from marginlib.practice.tasks.comparing import Case, believed, plain, same, word
from marginlib.practice.tasks.feedback import Feedback
from marginlib.practice.tasks.task import Rule, Task, belief_codes

_CLOSE = 0.02  # so near to the right number, it was probably rounded on the way
ASKED_BACK = ("percent", "thousands")  # slips of the unit alone: they are no answer yet, and bring no hint
_FEW = 8  # items of a list in a message


def judge(
    task: Task,
    cases: Sequence[Case],
    outcomes: Sequence[Outcome],
    *,
    tries: int = 0,
    grading: bool = False,
    course: bool = False,
) -> Feedback:
    """Return the feedback on an answer.

    Args:
        task: the task.
        cases: `open_cases` or `grading_cases`: what the outcomes are about.
        outcomes: from `collect`.
        tries: different wrong answers given before; each adds a stage.
        grading: whether the cases are hidden: then no message says anything about them but how many are right.
        course: whether somebody grades the answer later: grading may be spoken of, and no stage tells the solution.
    """
    if unfit := _unfit(task, cases, outcomes):
        state, heading, text = unfit
        if grading:  # a learner's own messages could carry hidden cases out: only Python's own names are told
            types = {outcome.get("type") for outcome in outcomes if outcome["kind"] == "error"}
            known = sorted(str(name) for name in types if isinstance(getattr(builtins, str(name), None), type))
            stopped = f"stopped: {known[0]}" if known else "gave no answer"
            text = f"In a case that you cannot see, your function {stopped}."
        return Feedback(task=task.id, state=state, parts=((heading, text),))
    values = [plain(outcome) for outcome in outcomes]
    if task.kind == "explain":
        return _words(task, cases[0], values[0], course=course)

    def stages() -> list[tuple[str, str]]:
        """Return what is due after so many wrong answers."""
        worked = task.worked(**cases[0])
        due = [("Hint", task.nudge), ("Second hint", task.step), *([] if course else [("Worked solution", worked)])]
        return [] if grading else due[: tries + 1]

    if task.refutes is not None:
        try:
            done, text = task.refutes(cases[0], values[0])
        except ValueError as error:  # a number that no account can have: its message says which
            done, text = False, f"That account cannot be: {error}."
        parts = [("Right" if done else "Not yet", text), *([] if done else stages())]
        return Feedback(task=task.id, state="right" if done else "wrong", parts=tuple(parts))
    truths = believed(task.solve, cases) or []
    verdicts = [same(task, mine, its) for mine, its in zip(values, truths, strict=True)]
    codes: tuple[str, ...] = ()
    slip = ""
    if all(verdicts):
        more = f"; {task.grading_cases} more at grading" if course else ""
        checks = "grading checks passed" if grading else f"open checks passed{more}"
        text = f"{len(values)} {checks}." if grading or task.asks_function else f"{shown(task, values[0])}."
        parts = [("Right", text)]
    else:
        codes, slip, why = _explained(task, cases, values, truths)
        due = [] if slip in ASKED_BACK else stages()
        parts = [("Not yet", _returned(task, cases, values, verdicts, grading=grading)), *why, *due]
    return Feedback(
        task=task.id,
        state="right" if all(verdicts) else "wrong",
        codes=codes,
        slip=slip,
        parts=tuple(parts),
    )


def _explained(
    task: Task, cases: Sequence[Case], values: Sequence[Any], truths: Sequence[Any]
) -> tuple[tuple[str, ...], str, list[tuple[str, str]]]:
    """Return the beliefs or the slip that give a wrong answer, and the words for these or for a demand left out."""
    unit = _slip(values, truths, _SCALES, task.tolerance)
    codes: tuple[str, ...] = ()
    if not unit:
        if key := _holding(task, cases, values, truths, task.beliefs):
            codes = belief_codes(key)
        elif demand := _holding(task, cases, values, truths, task.demands):
            return (), "", [("Left out", demand)]
        else:
            codes = _from_catalogue(task, cases, values)
    if codes:
        heading = "This is what follows from a belief that many hold"
        told = [BELIEFS[code] for code in codes]
        text = "“{0.statement}” It is not so. {0.remedy} {0.refutation}"
        return codes, "", [(heading, text.format(each)) for each in told]
    slip = unit or _slip(values, truths, (*_SCALES, ("sign", -1), ("close", 1)), _CLOSE)
    if not slip:
        return (), "", []
    heading, text = _SLIPS[slip]
    fraction = ": 4 % is 0.04 as a fraction" if slip == "percent" and "fraction" in task.ask else ""
    return (), slip, [(heading, f"{text}{fraction}. Wanted: {task.ask}.")]


# --- answers that cannot be compared --------------------------------------------------------------------------------


def _unfit(task: Task, cases: Sequence[Case], outcomes: Sequence[Outcome]) -> tuple[str, str, str] | None:
    """Return state, heading and text for an answer that is not of the kind that was asked for, or None."""
    if all(outcome["kind"] == "stub" for outcome in outcomes):
        return "stub", "Not started yet", f"Replace the three dots by {task.ask}, then run both cells again."
    if task.asks_function and len(outcomes) == 1 != len(cases):
        text = f"You gave {_described(outcomes[0])}. Give the function itself, by its name and without brackets: "
        return "odd", "A function is asked for", f'{text}check("{task.id}", {task.function}).'
    if len(outcomes) != len(cases):
        return "odd", "Not complete", "There is not one answer for each case."
    if text := _as_found(task, cases, outcomes):
        return "stub", "The calculator as you found it", text
    for case, outcome in zip(cases, outcomes, strict=True):
        if problem := _problem(task, case, outcome):
            return "error" if outcome["kind"] == "error" else "odd", *problem
    return None


def _as_found(task: Task, cases: Sequence[Case], outcomes: Sequence[Outcome]) -> str:
    """Return what is wrong with a calculator that still says what it said when it was found; "" for all others."""
    found = believed(task.wrong, cases) if task.wrong is not None else None
    values = [plain(outcome) for outcome in outcomes]
    if found is None or any(
        type(mine) is not type(its) or not same(task, mine, its) for mine, its in zip(values, found, strict=True)
    ):
        return ""
    truths = believed(task.solve, cases) or []
    where = next(k for k, truth in enumerate(truths) if not same(task, values[k], truth))  # it may be right in some
    return (
        f"For {_called(task, cases[where])} it returns {shown(task, values[where])}, and that is wrong. "
        "Work this case out by hand, find the line that differs, and change it."
    )


# What is no answer to any task: kind of outcome -> heading and text.
_NEVER: Mapping[str, tuple[str, str]] = {
    "stub": ("Not finished", "{where} returned the three dots. Replace each of them."),
    "nan": ("Not a finite number", "{where} returned {value}. Something was divided by 0, or grew too large."),
    "other": ("Not a plain value", "{where} gave {what}. Wanted: {ask}."),
    "function": ("A value is asked for", "{where} gave the function {value}. Give what it returns: call it."),
    "error": ("Your code stopped", "{where} stopped: {what}"),
}


def _problem(task: Task, case: Case, outcome: Outcome) -> tuple[str, str] | None:  # noqa: PLR0911 - one for each kind
    """Return heading and text where one outcome cannot be compared with the right answer, or None."""
    kind, where = outcome["kind"], f"For {_called(task, case)} your function" if task.asks_function else "You"
    if kind in _NEVER:
        heading, text = _NEVER[kind]
        what = _stopped(outcome) if kind == "error" else _described(outcome)
        return heading, text.format(where=where, value=outcome.get("value"), what=what, ask=task.ask)
    other = "Not what is asked for", f"{where} gave {_described(outcome)}. Wanted: {task.ask}."
    if task.inputs:
        return _first_problem_inside(task, outcome["value"]) if kind == "dict" else other
    if task.kind == "explain":  # a word such as "blah" is no list of letters, though some of them stand in it
        said = plain(outcome)
        letters = said if kind == "list" else re.findall(r"\w+", said) if kind == "text" else []
        known = tuple("abcdefgh"[: len(task.rubric)])
        return None if letters and all(word(each) in known for each in letters) else other
    truth = (believed(task.solve, [case]) or [None])[0]
    if isinstance(truth, list | tuple):
        fits = kind == "list" and len(outcome["value"]) == len(truth)
        return _strange_item(task, outcome["value"], truth) if fits else other
    if isinstance(truth, str):  # a letter, and a digit where a reason is asked for
        wanted = f"[{''.join(task.options)}]" + (f"[{''.join(task.reasons)}]" if task.reasons else "")
        return None if kind in {"text", "list"} and re.fullmatch(wanted, word(plain(outcome))) else other
    # "There is no such price" may be what a belief says.
    rules = (*task.beliefs.values(), *task.demands.values())
    none_is_believed = any(believed(each, [case]) == [None] for each in rules)
    if kind == "none" and truth is not None and not none_is_believed:
        text = "Is there a line with `return`?" if task.asks_function else f"Wanted: {task.ask}."
        return "Nothing came back", f"{where} returned None. {text} None would say that there is no such number."
    if kind == "text":
        number = _as_number(outcome["value"])
        advice = f"Write {number} without quotes: {task.ask}." if number else f"Wanted: {task.ask}."
        return "Text instead of a number", f"{where} gave the text {outcome['value']!r}. {advice}"
    return other if kind in {"truth", "list", "dict"} else None


def _strange_item(task: Task, found: Sequence[Outcome], truth: Sequence[object]) -> tuple[str, str] | None:
    """Return the first item of a list that cannot be compared, or None."""
    for place, (item, its) in enumerate(zip(found, truth, strict=True), start=1):
        fits = item["kind"] == ("text" if isinstance(its, str) else "number")
        if not fits or (task.words and word(plain(item)) not in task.words):
            return "Not what is asked for", f"Item {place} of your list is {_described(item)}. Wanted: {task.ask}."
    return None


def _first_problem_inside(task: Task, found: Mapping[str, Outcome]) -> tuple[str, str] | None:
    """Return the first problem with the numbers of a counterexample, or None."""
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
        return f"{outcome['value'] or 'it was interrupted'}. Does a loop never end?{line}"
    return f"{outcome['type']}: {outcome['value']}.{line}"


def _as_number(text: str) -> str:
    """Return a text such as "$1,000", "12 %" or "600 dollars" as a number to write, or "" where it is none."""
    found = re.fullmatch(r"\s*\$?\s*([-+]?[\d,_]*\.?\d+(?:e[-+]?\d+)?)\s*(%|[a-z$]*)\s*", text, re.IGNORECASE)
    if found is None:
        return ""
    value = float(found[1].replace(",", "").replace("_", ""))
    return f"{value / 100 if found[2] == '%' else value:.10g}"


def _described(outcome: Outcome) -> str:
    """Return an outcome in words."""
    kind, value = outcome["kind"], outcome.get("value")
    words = {
        "number": f"the number {value}",
        "text": f"the text {value!r}",
        "truth": f"{value}, which says yes or no",
        "none": "None",
        "stub": "three dots",
        "nan": str(value),
        "function": f"the function {value}",
        "error": "an error",
    }
    if kind == "list":
        return f"a list of {len(value or [])}"
    if kind == "dict":
        return f"a dict with {', '.join(list(value or {})[:_FEW])}"
    return words.get(kind, f"a {outcome.get('type', 'thing')}")


# --- answers that can -----------------------------------------------------------------------------------------------

_SCALES = (("percent", 100), ("percent", 0.01), ("thousands", 1_000), ("thousands", 0.001))
_SLIPS = {
    "percent": ("Unit", "The digits are right, but the number is 100 times too large or too small"),
    "thousands": ("Unit", "The digits are right, but the number is 1,000 times too large or too small"),
    "sign": ("Sign", "The size is right, the sign is not"),
    "close": ("Close", "This is near, but not near enough. Was something rounded on the way? Round only at the end"),
}


def _returned(
    task: Task, cases: Sequence[Case], values: Sequence[Any], verdicts: Sequence[bool], *, grading: bool
) -> str:
    """Return the first stage: what came back."""
    if grading:
        return f"{sum(verdicts)} of {len(verdicts)} grading checks passed."
    first = verdicts.index(False)
    if task.asks_function:
        return (
            f"{sum(verdicts)} of {len(verdicts)} open checks passed. For {_called(task, cases[first])} your function "
            f"returned {shown(task, values[first])}."
        )
    mine, its = values[0], task.solve(**cases[0])
    half = task.kind == "choose" and word(mine)[:1] == word(its)[:1]
    more = " The choice is right; its reason is another one." if half else ""
    if isinstance(its, list | tuple):
        more = f" {sum(map(partial(same, task), mine, its))} of {len(its)} right."
    return f"You answered {shown(task, mine)}.{more}"


def _holding(
    task: Task, cases: Sequence[Case], values: Sequence[Any], truths: Sequence[Any], rules: Mapping[str, Rule]
) -> str:
    """Return the key of the first rule, a belief's or a demand's, that explains every value; "" if none does."""
    for key, rule in rules.items():
        says = believed(rule, cases)
        if says is None or says == list(truths):
            continue
        if task.kind == "choose":
            fits = set(word(says[0])) <= set(word(values[0]))
        else:
            fits = all(same(task, mine, its) for mine, its in zip(values, says, strict=True))
        if fits:
            return key
    return ""


def _from_catalogue(task: Task, cases: Sequence[Case], values: Sequence[Any]) -> tuple[str, ...]:
    """Return the first belief, or else pair, of the whole catalogue that explains every value; () if none does."""
    if task.catalogue is None:
        return ()
    ask, build = task.catalogue
    built = [build(**case) for case in cases]

    @cache
    def says(*codes: str) -> list[float | None]:
        return [answer(ask, case, *codes) for case in built]

    # Several may explain the same values: those that the task expects come first.
    listed = {code for key in task.beliefs for code in belief_codes(key)}
    found = explanations(list(values), says, partial(same, task))
    return min(found, key=lambda codes: len(set(codes) - listed), default=())


def _slip(values: Sequence[Any], truths: Sequence[Any], slips: Sequence[tuple[str, float]], near: float) -> str:
    """Return which slip turns every right number into the one given, as near as this, or ""."""
    pairs = list(zip(values, truths, strict=True))
    if not all(isinstance(mine, float) and isinstance(its, int | float) for mine, its in pairs) or not any(truths):
        return ""
    for slip, factor in slips:
        if all(abs(mine - factor * its) <= near * abs(factor * its) for mine, its in pairs):
            return slip
    return ""


def _words(task: Task, case: Case, answer: object, *, course: bool) -> Feedback:
    """Return what to compare a text with: the rubric, what the learner says of theirs, and a sample."""
    letters = dict(zip("abcdefgh", task.rubric, strict=False))
    chosen = [letter for letter in letters if letter in word(answer)]
    rubric = "\n".join(f"({letter}) {statement}" for letter, statement in letters.items())
    count = f"You find {len(chosen)} of {len(letters)} in your text"
    missing = ", ".join(letter for letter in letters if letter not in chosen)
    said = f"{count}; ({missing}) is missing. Add it in your own words." if missing else f"{count}."
    parts = (
        ("A good text says", rubric),
        ("Yours", f"{said}{' A person reads it at grading.' if course else ''}"),
        ("One way to say it", task.worked(**case)),
    )
    return Feedback(task=task.id, state="words", parts=parts)


# --- words ----------------------------------------------------------------------------------------------------------


def shown(task: Task, value: object) -> str:
    """Return a plain answer as text, with the task's unit."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        digits = 2 if abs(value) >= 100 else 6  # noqa: PLR2004 - prices and amounts need cents, fractions more
        short = f"{value:,.{digits}f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else f"{value:.6g}"  # noqa: PLR2004
        return f"{short} {task.unit[:-1] if task.unit == 'dollars' and short == '1' else task.unit}".rstrip()
    if isinstance(value, list | tuple):
        return ", ".join(shown(task, each) for each in value[:_FEW])
    return repr(value) if isinstance(value, str) else "something else"


def _called(task: Task, case: Case) -> str:
    """Return a call as the learner would write it."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in case.items())
    return f"{task.function}({arguments})"
