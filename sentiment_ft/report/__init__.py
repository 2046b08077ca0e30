"""One HTML file that tells a whole run, or sets several side by side. No network, no server, no torch."""
