"""Access on this machine: keys, certificates and tokens in the state directory, the audit log, who is connected."""
