"""The viewer: a model drawn, its sliders, its edits."""
