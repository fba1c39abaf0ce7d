"""Paper 1: room occupancy and attacks on GPS trackers, by three quantum networks."""
