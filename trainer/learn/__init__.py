"""From an actor to trained networks: the problem, the model, the losses, the loop."""
