"""Wrong beliefs about margin as code: what their holders would answer, and which belief an answer shows.

A wrong belief is one step of the reasoning gone wrong, and two combine because they change different steps. So one
record in `catalogue` makes the wrong choices of a quiz, recognises a wrong number or a wrong function, and says in one
line of arithmetic what is right.
"""

from marginlib.practice.beliefs.asks import ASKS, Ask, Reading
from marginlib.practice.beliefs.catalogue import BELIEFS, Belief
from marginlib.practice.beliefs.reasoning import RIGHT, Case, Reasoning
from marginlib.practice.beliefs.recognise import Tolerance, answer, chance, explanations, pairs, singles, working

__all__ = [
    "ASKS",
    "BELIEFS",
    "RIGHT",
    "Ask",
    "Belief",
    "Case",
    "Reading",
    "Reasoning",
    "Tolerance",
    "answer",
    "chance",
    "explanations",
    "pairs",
    "singles",
    "working",
]
