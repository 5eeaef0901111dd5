from marginlib.practice.questions import *
