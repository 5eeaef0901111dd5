from marginlib.practice.beliefs import *
from marginlib.practice.beliefs import BELIEFS as MISCONCEPTIONS
from marginlib.practice.beliefs import Belief as Misconception
