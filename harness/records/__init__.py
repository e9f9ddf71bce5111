"""What is written into an experiment folder, and read back from it."""
