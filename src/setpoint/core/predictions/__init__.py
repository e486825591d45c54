"""The prediction log's pure part: what the gateway writes down, how it lies in a file, and what it means."""
