"""HTTP below the API line: the Kubernetes API, and the gateway that gives services a stable URL."""
