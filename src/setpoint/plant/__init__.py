"""Plants to train on, to feed the live loop and to break on purpose, behind one `Plant` protocol."""
