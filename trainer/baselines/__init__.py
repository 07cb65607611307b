"""What the model is compared with: global blendshapes, blendshapes on patches, and the anatomical local model."""
