"""What an experiment is: its settings, their presets and what they allow."""
