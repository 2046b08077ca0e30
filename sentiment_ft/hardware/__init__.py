"""What the machine is and what it supports."""
