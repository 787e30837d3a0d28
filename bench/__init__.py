"""The benchmark: floors, peers and this project in one run, as ratios."""
