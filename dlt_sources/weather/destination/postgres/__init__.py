"""PostgreSQL: the session of every connection, advisory locks, and the maintenance of the bronze tables."""
