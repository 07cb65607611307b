"""From trained networks to actor.aim, and from an edit to an actor.aim of its own."""
