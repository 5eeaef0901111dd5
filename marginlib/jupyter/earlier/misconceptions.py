from marginlib.practice.beliefs import *
