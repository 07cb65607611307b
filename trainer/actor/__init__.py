"""An actor understood: loaded by its ending, landmarks, head frame, bones, constraints, the jaw's motion."""
