"""A folder of the learner's own (`folder`), a notebook as one page (`lesson`), and the Jupyter server's extension.

`marginlib course DIR` writes the folder and opens it; `jupyter nbconvert --to lesson` makes the page; `server`, which
the wheel switches on, lets a kernel's answers be sent at once.
"""

from marginlib.jupyter.folder import Written, open_course, write_course

__all__ = ["Written", "open_course", "write_course"]
