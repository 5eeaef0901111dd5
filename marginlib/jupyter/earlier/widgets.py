from marginlib.drawing.live import *
