"""Resource types, phases, conditions, errors and validation; knows nothing first-party."""
