"""How time and memory of a training step grow with its configuration: `cyclebench scaling`."""
