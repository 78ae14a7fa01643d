"""`palmyra chaos`: the whole system under a load, broken at random, and then every link accounted for."""
