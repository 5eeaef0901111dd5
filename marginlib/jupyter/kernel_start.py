"""What a kernel of the course loads while its page is still being read; the learner's names stay free."""

list(map(__import__, ("marginlib.course.notebook", "matplotlib.figure", "matplotlib.backends.backend_agg")))
