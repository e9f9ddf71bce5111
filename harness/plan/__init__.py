"""Every random choice of a training, its learning rates and initial weights, drawn once."""
