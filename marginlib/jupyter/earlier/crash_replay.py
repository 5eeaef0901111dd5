from marginlib.market.walk import *
