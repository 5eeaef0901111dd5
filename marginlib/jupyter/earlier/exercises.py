from marginlib.course import *
from marginlib.practice.tasks import *
