import sys

sys.exit("this module wants to leave")
