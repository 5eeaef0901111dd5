from marginlib.odds import *
