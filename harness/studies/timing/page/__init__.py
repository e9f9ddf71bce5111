"""The page over all records of a folder, those of other machines included."""
