from marginlib.market.bars import *
