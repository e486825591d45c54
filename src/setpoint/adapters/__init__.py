"""The only code that touches disk, SQL, processes and sockets; each adapter implements one port."""
