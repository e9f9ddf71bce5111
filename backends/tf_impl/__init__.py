"""CycleGAN in TensorFlow."""
