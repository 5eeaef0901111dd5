from marginlib.practice.amounts import say
from marginlib.practice.bank import *
from marginlib.practice.judge import *
from marginlib.practice.spacing import *
