from marginlib.course.figures import *
