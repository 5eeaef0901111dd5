from marginlib.market.events import *
