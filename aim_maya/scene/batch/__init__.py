"""Whole folders of scenes: opened, worked on, exported, saved."""
