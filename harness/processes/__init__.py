"""Every process that is started, and what is said to it."""
