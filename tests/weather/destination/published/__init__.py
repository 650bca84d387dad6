"""Comments and views, on tables that are made here by SQL: a load takes longer and knows fewer numbers."""
