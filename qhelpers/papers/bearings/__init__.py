"""Paper 4: faults of bearings, told from vibration by a deep network with four simulated qubits in it."""
