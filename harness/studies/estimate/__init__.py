"""How long a comparison takes on this machine, predicted from a short session: `estimate`."""
