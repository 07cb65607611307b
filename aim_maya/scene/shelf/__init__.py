"""Shelf, menu and the docked window: where a user begins."""
