from marginlib.drawing.chart import *
from marginlib.words import *
