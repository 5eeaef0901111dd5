"""The settings of nbgrader for this course; exercises/TEACHING.md says how a course is run with them."""

from marginlib.grading import NBGRADER

c = get_config()  # noqa: F821 - given by nbgrader
c.CourseDirectory.course_id = "marginlib"
# What stands where a solution was taken out.
c.ClearSolutions.code_stub = {"python": "# Your code here."}
c.ClearSolutions.text_stub = "Your words here."
# Students' code runs in marginlib's sandbox and nowhere else; the verdict is made outside of it.
for section, settings in NBGRADER.items():
    c[section].update(settings)
