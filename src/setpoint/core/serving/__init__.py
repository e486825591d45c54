"""Pure logic of serving: the inference protocol's messages, revisions, conditions, and what to do next."""
