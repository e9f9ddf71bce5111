"""What can be measured about the backends: a folder or file a study."""
