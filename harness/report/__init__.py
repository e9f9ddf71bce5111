"""Pages, tables and figures: a pure function of records."""
