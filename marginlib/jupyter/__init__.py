"""The course in a folder of the learner's own, a notebook as one page, and the server's extension."""
