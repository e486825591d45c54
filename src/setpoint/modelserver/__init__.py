"""The model server: its own process, Open Inference Protocol V2 over a model directory."""
