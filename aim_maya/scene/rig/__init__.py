"""What is in a scene: plugs, deformer chains, meshes, blendShapes, faces."""
