from marginlib.drawing.still import *
