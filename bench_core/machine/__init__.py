"""The machine: processors, devices, model files, HTTP, threads, progress."""
