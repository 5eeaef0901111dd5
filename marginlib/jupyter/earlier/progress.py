from marginlib.practice.progress import *
