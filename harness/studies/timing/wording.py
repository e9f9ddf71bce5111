"""How phases are called, on the screen and on the page."""

PHASE_TITLES = {
    "host": "host",
    "generators_forward": "generators, forward",
    "generators_backward": "generators, backward",
    "discriminators": "discriminators, both ways",
    "optimisers": "optimisers",
}
