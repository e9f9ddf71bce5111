"""Are the backends the same? Parity checks with tolerances that leave little room."""
