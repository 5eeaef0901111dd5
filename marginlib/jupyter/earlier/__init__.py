"""Modules under the names of an earlier version, so that the notebooks that learners kept still run.

`marginlib.__path__` ends with this folder: `marginlib.plots` is looked for beside `marginlib.drawing` first, and then
here. Nothing is loaded before a notebook asks for it, and nothing of the library does.
"""
