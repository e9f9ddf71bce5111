"""Trained generators put to use: images translated, networks handed to other programs."""
