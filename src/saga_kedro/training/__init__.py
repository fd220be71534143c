"""Training SAGA-SR with Lightning: segments and their draws, the flow-matching module, what is measured on the way."""
