"""The shipped WorkflowTemplates, written with Hera."""
