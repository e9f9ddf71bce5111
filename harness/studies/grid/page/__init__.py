"""The page of a study: a pure function of its folder and of the experiments it refers to."""
