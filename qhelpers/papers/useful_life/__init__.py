"""Paper 3: the remaining life of engines and devices, learned by trial with an annealer that picks."""
