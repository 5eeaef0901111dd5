from marginlib.market.desk import *
