"""What monitors compute: drift, performance and traffic, with evidence; pure, over arrays and tables in memory."""
