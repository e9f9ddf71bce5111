"""From uint8 translations to scores. Reads run records only: every backend meets one evaluator."""
