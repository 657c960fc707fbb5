"""The Streamlit page. Talks to rag/ only."""
