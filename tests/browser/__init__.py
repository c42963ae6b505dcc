"""What people see, in real Chromium."""
