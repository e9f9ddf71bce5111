"""Everything around the two networks: data, plan, runs, metrics, statistics, report."""
