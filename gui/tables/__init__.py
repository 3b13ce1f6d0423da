"""Tables: pure stores of rows, thin Qt models over them, and the one view that shows them. The GUI thread."""
