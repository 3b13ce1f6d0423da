"""How the controls of `gui.style` are measured and drawn."""
