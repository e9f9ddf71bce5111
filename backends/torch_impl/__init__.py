"""CycleGAN in PyTorch."""
