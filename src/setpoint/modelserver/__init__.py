"""The model server, a process of its own: one model behind Open Inference Protocol V2."""
