"""The lifecycle components: typed functions that are also Argo templates and commands."""
