"""Pods as objects of the API: made of what the launcher was asked and what it answers. Pure."""
