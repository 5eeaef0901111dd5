from marginlib.market.replay import *
