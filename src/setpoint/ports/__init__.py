"""Protocols between the engines and the world; adapters implement them, wiring connects them."""
