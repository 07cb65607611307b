"""The neural solver of local fits: the paper's reparameterisation."""
