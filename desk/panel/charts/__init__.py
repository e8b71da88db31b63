"""What charts are made of: scales that keep still, labels that keep apart, lines that stay cheap, and the strip."""
