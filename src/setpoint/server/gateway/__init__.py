"""The gateway, a process of its own: one stable URL per InferenceService, whatever serves behind it."""
