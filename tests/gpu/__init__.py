"""What a card does: `make gpu-check` on a machine with one, `--device cpu` for the same without."""
