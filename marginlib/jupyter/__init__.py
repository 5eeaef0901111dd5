"""A folder of the learner's own (`folder`), and a notebook as one page (`lesson`).

`marginlib course DIR` writes the folder and opens it; `jupyter nbconvert --to lesson` makes the page.
"""

from marginlib.jupyter.folder import Written, open_course, write_course

__all__ = ["Written", "open_course", "write_course"]
