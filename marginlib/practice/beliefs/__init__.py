"""Wrong beliefs about margin as code: what their holders would answer, and which belief an answer shows.

A wrong belief is one step of the reasoning gone wrong, and two combine because they change different steps. So one
catalogue makes the wrong choices of a quiz, recognises a wrong number or a wrong function, and says in one line of
arithmetic what is right. Standard library and engine only.
"""

from marginlib.practice.beliefs.catalogue import MISCONCEPTIONS, Misconception
from marginlib.practice.beliefs.reasoning import ASKS, RIGHT, Ask, Case, Reasoning
from marginlib.practice.beliefs.recognise import (
    Tolerance,
    answer,
    beliefs,
    explanations,
    recognise,
    recognise_function,
    recognise_values,
    working,
)

__all__ = [
    "ASKS",
    "MISCONCEPTIONS",
    "RIGHT",
    "Ask",
    "Case",
    "Misconception",
    "Reasoning",
    "Tolerance",
    "answer",
    "beliefs",
    "explanations",
    "recognise",
    "recognise_function",
    "recognise_values",
    "working",
]
