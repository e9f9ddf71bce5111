"""Studies: a grid of experiments, trained one after the other, and one page about all of them."""
