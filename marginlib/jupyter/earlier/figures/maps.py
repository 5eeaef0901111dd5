from marginlib.course.figures.maps import *
