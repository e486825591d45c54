"""The Tennessee Eastman process."""
