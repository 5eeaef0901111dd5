from marginlib.practice.objectives import *
