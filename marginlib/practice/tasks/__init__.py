"""The machine behind the exercises: what a task is, a learner's code to plain JSON, and the judge.

A `Task` knows its right answer and the wrong ones; `collect` turns a learner's value or function into plain JSON (the
only place where their code runs, and it holds no answer); `judge` compares. What is asked stands in `marginlib.course`.
"""
