from marginlib.odds.decision import *
