"""Where trainings run: units of work, the queue they wait in, and what starts them."""
