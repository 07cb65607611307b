"""Static checks of every Maya call, against the public stub packages and a table of documented signatures."""
