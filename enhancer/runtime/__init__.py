"""What a program runs on and with: device, processes, memory, files that are whole or not there."""
