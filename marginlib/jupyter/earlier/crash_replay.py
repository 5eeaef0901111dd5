from marginlib.market.crash import *
