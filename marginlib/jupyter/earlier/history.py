from marginlib.market import *
