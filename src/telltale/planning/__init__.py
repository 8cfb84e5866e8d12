"""What a command would take, before anything is trained: the same flow with fits cut short, in a folder of its own."""
