"""Other questions of the tasks' families, one module a set: what a graded course asks, and no public sheet answers."""
