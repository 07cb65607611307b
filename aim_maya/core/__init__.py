"""Meshes, blendshapes, rigid motion, actor folders, weight curves and the .aim container: stdlib + numpy,
nothing else."""
