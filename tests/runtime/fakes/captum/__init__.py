"""Stands in for captum, with the integrated gradients that explanations need."""
