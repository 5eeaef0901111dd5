"""Exercises graded for a whole class: the student's code in a sandbox, the verdict outside of it, nbgrader around both.

    sheet     a submitted notebook, read as bytes from a student: steps to run, texts to read
    sandbox   the cells run behind walls (`worker`), and plain JSON comes back
    verdict   what came back against what is right, with the numbers of this student; scores and words
    jobs      all of that for a class: result files, processes, shards for a cluster
    preprocessors   nbgrader's part: a clean notebook in, scores and feedback into its gradebook
    items, report   what the class got wrong;  lms   grades for Canvas and Moodle

Only the modules that need nbgrader import it; `marginlib grade` is the command line (`cli`).
"""

__all__ = ["NBGRADER"]

_HERE = "marginlib.grading.preprocessors"

# nbgrader's settings: class -> trait -> value.
NBGRADER = {
    "Autograde": {
        "exporter_class": f"{_HERE}.CleanExporter",
        "sanitize_preprocessors": [],  # what they would mend is never read; their checks cost half of the time
        "autograde_preprocessors": [f"{_HERE}.Verdict", "nbgrader.preprocessors.AssignLatePenalties"],
    },
    "GenerateFeedback": {"exporter_class": f"{_HERE}.FeedbackExporter"},
}
