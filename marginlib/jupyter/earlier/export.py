from marginlib.jupyter.lesson import *
