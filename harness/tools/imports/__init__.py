"""What users of other CycleGAN code have: loss logs and checkpoints, in this project's terms."""
