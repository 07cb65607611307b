"""Libraries in the place of CUDA's, which keep memory, write down each call and compute nothing: what the
published onnxruntime-gpu and torch do with a card is seen on a machine without one (without_card.py)."""
