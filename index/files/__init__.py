"""Reading files of questions and answers as the world writes them: CSV of any make, JSON, Excel and Parquet."""
