"""CustomResourceDefinitions and their objects."""
